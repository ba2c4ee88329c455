import { describe, expect, it } from "vitest";
import { resolveConfig } from "../resolve-config.ts";
import { GOALS, type GoalRequest, goalConfig } from "./goal-config.ts";

const request = (change: Partial<GoalRequest> = {}): GoalRequest => ({
  goal: "style",
  base: "some/base",
  folder: "pictures",
  resolution: 64,
  sampling: { numInferenceSteps: 20, guidanceScale: 3 },
  steps: 200,
  word: "inky",
  pictures: 50,
  hasCaptions: true,
  captions: ["a fox", "a fox", "an owl"],
  ...change,
});

describe("a goal's config", () => {
  it.each(
    GOALS.flatMap((goal) =>
      [64, 512].flatMap((side) => [1, 5000].map((steps) => [goal, side, steps] as const)),
    ),
  )("%s at %i px for %i steps is one that trains", (goal, resolution, steps) => {
    const config = resolveConfig(goalConfig(request({ goal, resolution, steps })), "test");
    const [stage] = config.stages;
    expect(stage).toMatchObject({ kind: "text-to-image", name: goal, resolution, steps });
    expect(stage?.gradientCheckpointing).toBe(resolution === 512);
    expect("adapter" in (stage ?? {}) && (stage as { adapter: unknown }).adapter !== null).toBe(
      goal !== "full",
    );
  });

  it("keeps captions where there are some, and else says the word", () => {
    expect(goalConfig(request()).dataset.instancePrompt).toBeUndefined();
    expect(goalConfig(request()).sampling.prompts).toEqual(["a fox", "an owl"]);
    expect(goalConfig(request()).sampling).toMatchObject({ steps: 20, guidanceScale: 3 });
    expect(goalConfig(request({ hasCaptions: false })).dataset.instancePrompt).toBe(
      "a picture in inky style",
    );
    const subject = goalConfig(request({ goal: "subject", word: "sks dog" }));
    expect(subject.dataset).toMatchObject({
      instancePrompt: "a photo of sks dog",
      captionDropout: 0,
    });
    expect(subject.sampling.prompts[0]).toBe("a photo of sks dog");
  });

  it("neither validates nor holds pictures out where no picture may be measured", () => {
    const none = goalConfig(request({ validationSamples: 0 }));
    expect(none.dataset.heldoutShare).toBeUndefined();
    expect(none.stages[0]?.validationSamples).toBe(0);
    expect(goalConfig(request()).stages[0]).not.toHaveProperty("validationSamples");
  });

  it("holds pictures out where there are enough, and takes no more at once than there are", () => {
    expect(goalConfig(request()).dataset.heldoutShare).toBe(0.05);
    expect(goalConfig(request({ pictures: 39 })).dataset.heldoutShare).toBeUndefined();
    expect(goalConfig(request({ pictures: 3 })).stages[0]?.batchSize).toBe(3);
  });
});
