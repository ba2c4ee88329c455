import { expect, it } from "vitest";
import { configFromJson } from "./config-json.ts";
import { resolveConfig } from "./resolve-config.ts";
import { settleConfig } from "./settle-config.ts";

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
  const { stages } = settleConfig(config({ steps: { epochs } }), () => pictures);
  expect(stages[0]?.steps).toBe(steps);
});

it("turns every interval into steps, and leaves those that are", () => {
  const given = config({
    steps: { epochs: 10 },
    checkpointEvery: { epochs: 1 },
    sampleEvery: null,
    validateEvery: 7,
  });
  expect(settleConfig(given, () => 80).stages[0]).toMatchObject({
    steps: 100,
    checkpointEvery: 10,
    sampleEvery: null,
    validateEvery: 7,
  });
});

it("is not asked how many pictures there are where nothing counts in epochs", () => {
  const unknown = (): number => {
    throw new Error("asked");
  };
  expect(settleConfig(config({ steps: 5 }), unknown).stages[0]?.steps).toBe(5);
});

it("must have happened to the config of a run folder", () => {
  const json = JSON.stringify(config({ steps: { epochs: 1 } }));
  expect(() => configFromJson(json, "run/config.json")).toThrow(
    'run/config.json: Expected steps in place of epochs in stage "finetune" of a run\'s config.',
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
