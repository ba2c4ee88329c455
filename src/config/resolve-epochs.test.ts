import { describe, expect, it } from "vitest";
import { configFromJson } from "./config-json.ts";
import { resolveConfig } from "./resolve-config.ts";
import { resolveEpochs, shortenedWarmups } from "./resolve-epochs.ts";
import { withPrecision } from "./with-precision.ts";

const config = (fields: object) =>
  resolveConfig(
    {
      base: "somewhere",
      dataset: { folder: "data" },
      stages: [
        {
          kind: "text-to-image",
          name: "finetune",
          resolution: 64,
          batchSize: 4,
          gradientAccumulation: 2,
          optimizer: { lr: 1e-4 },
          ...fields,
        },
      ],
      sampling: { prompts: ["a fox"] },
    },
    "fox.ts",
  );

it.each([
  ["whole passes", 3, 80, 30],
  ["a last batch that is filled from the next pass", 1, 81, 11],
  ["part of a pass", 0.5, 80, 5],
  ["less than a batch", 0.01, 80, 1],
])("counts the steps of %s", (_, epochs, pictures, steps) => {
  const { stages } = resolveEpochs(config({ steps: { epochs } }), () => pictures);
  expect(stages[0]?.steps).toBe(steps);
});

it("turns every interval into steps, and leaves those that are", () => {
  const given = config({
    steps: { epochs: 10 },
    checkpointEvery: { epochs: 1 },
    sampleEvery: null,
    validateEvery: 7,
  });
  expect(resolveEpochs(given, () => 80).stages[0]).toMatchObject({
    steps: 100,
    checkpointEvery: 10,
    sampleEvery: null,
    validateEvery: 7,
  });
});

it("gives each stage the precision that is chosen where it leaves that open", () => {
  const chosen = (precision: string) => {
    const given = withPrecision(config({ steps: 1, precision }), () => "bfloat16");
    return resolveEpochs(given, () => 1).stages[0]?.precision;
  };
  expect(["auto", "float32", "bfloat16"].map(chosen)).toEqual(["bfloat16", "float32", "bfloat16"]);
  expect(resolveEpochs(config({ steps: 1, precision: "auto" }), () => 1).stages).toMatchObject([
    { precision: "float32" },
  ]);
});

it("is not asked how many pictures there are where nothing counts in epochs", () => {
  const unknown = (): number => {
    throw new Error("asked");
  };
  expect(resolveEpochs(config({ steps: 5 }), unknown).stages[0]?.steps).toBe(5);
});

it("must have happened to the config of a run folder", () => {
  const json = JSON.stringify(config({ steps: { epochs: 1 } }));
  expect(() => configFromJson(json, "run/config.json")).toThrow(
    'run/config.json: Expected steps instead of epochs in stage "finetune" of a run\'s config.',
  );
});

it("takes what a config does not name from its base", () => {
  const { transformer, autoencoder, tokenizer, textEncoder } = config({ steps: 1 });
  const from = (subfolder: string) => ({ pretrained: "somewhere", subfolder, revision: null });
  expect([transformer, autoencoder, textEncoder]).toEqual(
    ["transformer", "vae", "text_encoder"].map(from),
  );
  expect(tokenizer).toEqual({ ...from("tokenizer"), maxLength: 120 });
});

describe("a warm-up that the epochs leave no room for", () => {
  const fox = (fields: object, pictures: number) => {
    const given = config(fields);
    const settled = resolveEpochs(given, () => pictures);
    const [stage] = settled.stages;
    return { warmup: stage?.schedule.warmupSteps, told: shortenedWarmups(given, settled) };
  };
  const schedule = { type: "cosine", warmupSteps: 20 };

  it.each([
    [12, 6, 1],
    [24, 12, 1],
    [38, 19, 1],
  ])("is shortened to a tenth of the steps of %i pictures, aloud", (pictures, steps, warmup) => {
    expect(fox({ steps: { epochs: 4 }, schedule }, pictures)).toEqual({
      warmup,
      told: [
        `The warm-up of stage "finetune" is shortened from 20 steps to ${warmup}, because its epochs make only ${steps} steps`,
      ],
    });
  });

  it("stays where it fits, and where steps are given it is refused", () => {
    expect(fox({ steps: { epochs: 4 }, schedule }, 40)).toEqual({ warmup: 20, told: [] });
    expect(() => config({ steps: 3, schedule })).toThrow(
      "fox.ts: Expected at most the stage's 3 steps for stages.0.schedule.warmupSteps but received 20.",
    );
  });

  it("is read from the config of a run all the same", () => {
    const json = JSON.stringify({ ...config({ schedule, steps: 30 }) }).replace(
      '"steps":30',
      '"steps":3',
    );
    const [stage] = configFromJson(json, "run/config.json").stages;
    expect([stage?.steps, stage?.schedule.warmupSteps]).toEqual([3, 20]);
  });
});

it("takes for losses without a target what it is told that the base predicts", () => {
  const given = config({ steps: 1 });
  const types = (predicts?: "v") =>
    resolveEpochs(given, () => 1, predicts).stages.map((s) => "loss" in s && s.loss.type);
  expect([types(), types("v")]).toEqual([["epsilon+vlb"], ["v"]]);
});
