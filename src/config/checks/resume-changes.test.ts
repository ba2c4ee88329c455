import { describe, expect, it } from "vitest";
import { configFromJson, configToJson } from "../config-json.ts";
import type { ResolvedConfig } from "../options/train-config.ts";
import { applyOverrides } from "../overrides.ts";
import { resumeChanges } from "./resume-changes.ts";

const stage = (name: string, fields: object = {}): object => ({
  kind: "text-to-image",
  name,
  resolution: 64,
  batchSize: 2,
  steps: 6,
  loss: { type: "v" },
  schedule: { type: "cosine", warmupSteps: 2 },
  optimizer: { lr: 1e-4 },
  ema: { decay: 0.9 },
  ...fields,
});
const run = (...stages: object[]): ResolvedConfig =>
  configFromJson(
    JSON.stringify({
      base: "somewhere",
      dataset: { folder: "data" },
      stages,
      sampling: { prompts: ["a fox"] },
    }),
    "run/config.json",
  );
const two = run(stage("first"), stage("second"));

const changed = (
  own: ResolvedConfig,
  done: readonly (number | undefined)[],
  ...options: string[]
): ReturnType<typeof resumeChanges> => {
  const json = configToJson(applyOverrides(own, options, "x") as ResolvedConfig);
  return resumeChanges(own, configFromJson(json, "x"), done);
};

describe("what a resumed run takes over", () => {
  it.each([
    ["stages.1.steps=12", "stages.1.steps", 6, 12],
    ["stages.1.optimizer.lr=1e-5", "stages.1.optimizer.lr", 1e-4, 1e-5],
    ["stages.1.schedule.warmupSteps=1", "stages.1.schedule.warmupSteps", 2, 1],
    ["stages.1.checkpointEvery=3", "stages.1.checkpointEvery", 500, 3],
    ["stages.1.sampleEvery=2", "stages.1.sampleEvery", 500, 2],
    ["stages.1.spikes.factor=4", "stages.1.spikes.factor", 10, 4],
    ["stages.1.precision=bfloat16", "stages.1.precision", "float32", "bfloat16"],
    ['sampling.prompts=["a dog"]', "sampling.prompts", ["a fox"], ["a dog"]],
    ["dataset.cache.folder=x", "dataset.cache.folder", null, "x"],
    ["whenFull=wait", "whenFull", "stop", "wait"],
  ])("%s", (option, place, before, after) => {
    expect(changed(two, [6, 3], option)).toEqual({
      changes: [{ place, values: [before, after] }],
      mistakes: [],
    });
  });

  it("nothing where the options say what it has, wherever the folder is", () => {
    expect(changed(two, [6, 3], "stages.1.steps=6", "workDir=elsewhere", "seed=0")).toEqual({
      changes: [],
      mistakes: [],
    });
  });

  it("all but name and kind of a stage that has no checkpoint", () => {
    expect(changed(two, [6, undefined], "stages.1.batchSize=1", "stages.1.ema=null")).toMatchObject(
      { mistakes: [] },
    );
    expect(changed(two, [6, undefined], "stages.1.name=third").mistakes).toHaveLength(1);
  });
});

describe("what it refuses, all at once", () => {
  const of = (value: string) =>
    `${value}, which this run started with and which only a new run can change,`;

  it("what steps that were done depend on", () => {
    const { mistakes } = changed(
      two,
      [6, 3],
      "seed=3",
      "dataset.folder=other",
      "stages.1.batchSize=4",
      "stages.1.ema=null",
      'stages.1.optimizer={"type":"lion","lr":1e-4}',
    );
    expect(mistakes).toEqual(
      expect.arrayContaining([
        `Expected ${of("0")} for seed but received 3.`,
        `Expected ${of('"data"')} for dataset.folder but received "other".`,
        `Expected ${of("2")} for stages.1.batchSize but received 4.`,
        `Expected ${of('"adamw"')} for stages.1.optimizer.type but received "lion".`,
      ]),
    );
    expect(mistakes.some((each) => each.includes("stages.1.ema"))).toBe(true);
  });

  it("fewer steps than were done, and other steps of a stage that another one began from", () => {
    expect(changed(two, [6, 3], "stages.1.steps=2", "stages.0.steps=12").mistakes).toEqual([
      'Expected 6, since stage "second" started from where stage "first" ended, for stages.0.steps but received 12.',
      'Expected at least the 3 steps that stage "second" has done for stages.1.steps but received 2.',
    ]);
    expect(changed(two, [6, 3], "stages.1.steps=3")).toMatchObject({ changes: [{}], mistakes: [] });
  });

  it("what no longer goes together, but not what did not before", () => {
    expect(changed(two, [6, 3], "stages.1.schedule.warmupSteps=9").mistakes).toEqual([
      "Expected at most the stage's 6 steps for stages.1.schedule.warmupSteps but received 9.",
    ]);
    const old = run(stage("only", { steps: 3, schedule: { type: "cosine", warmupSteps: 20 } }));
    expect(changed(old, [3], "stages.0.keepCheckpoints=1").mistakes).toEqual([]);
    expect(changed(old, [3], "stages.0.steps=30").mistakes).toEqual([]);
  });
});
