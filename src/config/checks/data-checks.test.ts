import { expect, it } from "vitest";
import { ConfigError } from "../config-error.ts";
import type { TextToImageStageConfig } from "../options/stage-config.ts";
import type { DatasetConfig, TrainConfig } from "../options/train-config.ts";
import { resolveConfig } from "../resolve-config.ts";

const words: TextToImageStageConfig = {
  kind: "text-to-image",
  name: "words",
  resolution: 512,
  batchSize: 4,
  steps: 10,
  optimizer: { lr: 1e-3 },
  aspectRatios: true,
};

const config = (
  dataset: Partial<DatasetConfig>,
  stage: Partial<TextToImageStageConfig> = {},
): TrainConfig => ({
  base: "somewhere",
  dataset: { folder: "data", ...dataset },
  stages: [{ ...words, ...stage }],
  sampling: { prompts: ["a fox"] },
});

const square = { aspectRatios: false };
const classes = { classFolder: "dogs", classPrompt: "a photo of a dog" };

it.each<[string, TrainConfig, readonly string[]]>([
  ["aspect ratios", config({}), []],
  ["class pictures", config({ ...classes, classImages: 100 }, square), []],
  [
    "class pictures next to the data",
    config({ ...classes, classFolder: "data/../dogs" }, square),
    [],
  ],
  ["control pictures in a folder", config({ controlFolder: "maps" }, { controlnet: {} }), []],
  ["control pictures in a column", config({ controlColumn: "map" }, { controlnet: {} }), []],
  ["edges", config({}, { controlnet: { condition: "edges" } }), []],
  [
    "control pictures among the pictures, and named twice",
    config({ controlFolder: "data/maps", controlColumn: "map" }, { controlnet: {} }),
    [
      'Expected a folder outside of dataset.folder, whose pictures are all trained on, for dataset.controlFolder but received "data/maps".',
      'Expected null, since dataset.controlFolder is given, for dataset.controlColumn but received "map".',
    ],
  ],
  [
    "control pictures in a folder whose name begins as the way out does",
    config({ controlFolder: "data/...maps" }, { controlnet: {} }),
    [
      'Expected a folder outside of dataset.folder, whose pictures are all trained on, for dataset.controlFolder but received "data/...maps".',
    ],
  ],
  [
    "class pictures in a folder whose name begins as the way out does",
    config({ ...classes, classFolder: "data/..dogs" }, square),
    [
      'Expected a folder outside of dataset.folder, whose pictures are all trained on, for dataset.classFolder but received "data/..dogs".',
    ],
  ],
  [
    "edges beside control pictures, and class pictures",
    config(
      { ...classes, controlFolder: "maps" },
      { ...square, controlnet: { condition: "edges" } },
    ),
    [
      'Expected null, since dataset.classFolder is given and its pictures have no controls, for stages.0.controlnet but received {"blocks":13,"condition":"edges"}.',
      'Expected "given", since dataset.controlFolder is given, for stages.0.controlnet.condition but received "edges".',
    ],
  ],
  [
    "a side without a table",
    config({}, { resolution: 768 }),
    [
      "Expected 256, 512, 1024, 2048 or 2880, since the stage's aspectRatios is true, for stages.0.resolution but received 768.",
    ],
  ],
  [
    "class pictures in batches of one size",
    config(classes),
    [
      "Expected false, since dataset.classFolder is given and a batch has pictures of one size, for stages.0.aspectRatios but received true.",
    ],
  ],
  [
    "class pictures among those of the thing",
    config({ ...classes, classFolder: "./data/dogs" }, square),
    [
      'Expected a folder outside of dataset.folder, whose pictures are all trained on, for dataset.classFolder but received "./data/dogs".',
    ],
  ],
  [
    "class pictures without a caption",
    config({ classFolder: "dogs" }, square),
    [
      "Expected the caption of the class pictures, since dataset.classFolder is given, for dataset.classPrompt but received null.",
    ],
  ],
  [
    "class pictures that are nowhere",
    config({ classPrompt: "a photo of a dog", classImages: 3 }, square),
    [
      'Expected null, since dataset.classFolder is not given, for dataset.classPrompt but received "a photo of a dog".',
      "Expected null, since dataset.classFolder is not given, for dataset.classImages but received 3.",
    ],
  ],
  [
    "class pictures that nothing draws, and tokens that the sizes are no multiples of",
    {
      ...config({ ...classes, classImages: 3 }),
      base: null,
      autoencoder: { blockOutChannels: [16, 16, 16, 16, 16] },
      transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
      stages: [
        {
          kind: "autoencoder",
          name: "pictures",
          resolution: 32,
          batchSize: 4,
          steps: 10,
          optimizer: { lr: 1e-3 },
        },
        { ...words, resolution: 256, trainTextEncoder: true },
      ],
    },
    [
      "Expected a pipeline to draw the class pictures with, since dataset.classImages is given, for base but received null.",
      "Expected false, since a token is 32 px wide and the sizes around 256 px are multiples of 16, for stages.1.aspectRatios but received true.",
      "Expected false, since dataset.classFolder is given and a batch has pictures of one size, for stages.1.aspectRatios but received true.",
    ],
  ],
])("%s", (_, given, mistakes) => {
  const resolve = (): unknown => resolveConfig(given, "dogs.ts");
  if (mistakes.length === 0) resolve();
  else expect(resolve).toThrow(new ConfigError("dogs.ts", mistakes));
});
