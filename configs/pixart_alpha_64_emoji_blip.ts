import { fileURLToPath } from "node:url";
import { defineConfig } from "pixart/config";
import { finetune } from "./bases/diffengine.ts";

/**
 * The Pokémon recipe at a size for every machine: the package's own emoji model on 800 emoji of one style, whose captions
 * don't name the style. Minutes on two cores. Make the data first:
 * pixart dataset emoji data/openmoji --style openmoji --limit 800
 * pixart dataset convert data/openmoji data/openmoji-parquet --to parquet
 */
export default defineConfig({
  base: fileURLToPath(new URL("../models/emoji-small", import.meta.url)),
  threads: 2,
  dataset: { folder: "data/openmoji-parquet", captionDropout: 0.1, denseCaptionProbability: 0 },
  stages: [
    {
      ...finetune,
      resolution: 64,
      batchSize: 16,
      steps: { epochs: 4 },
      loss: { type: "v" },
      optimizer: { lr: 2e-4, weightDecay: 3e-2 },
      schedule: { type: "cosine", warmupSteps: 20 },
      gradientCheckpointing: false,
      precision: "float32",
      ema: { decay: 0.99 },
      transform: { horizontalFlip: 0.5 },
      checkpointEvery: { epochs: 2 },
      sampleEvery: { epochs: 2 },
    },
  ],
  sampling: {
    prompts: [
      "a red apple",
      "a strawberry",
      "a cat",
      "a fox",
      "a sunflower",
      "a rainbow",
      "a pizza",
      "a rocket",
    ],
    steps: 20,
    guidanceScale: 3,
  },
});
