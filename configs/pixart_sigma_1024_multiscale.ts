import { defineConfig } from "pixart/config";
import { sigma, sigmaParts } from "./bases/multiscale.ts";

/** PixArt-Σ at 1024 px, 40 aspect ratios and batches of 12, as its released config on cached features. */
export default defineConfig({
  ...sigmaParts,
  transformer: { pretrained: "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", subfolder: "transformer" },
  stages: [
    {
      ...sigma,
      resolution: 1024,
      batchSize: 2,
      gradientAccumulation: 6,
      steps: { epochs: 2 },
      checkpointEvery: 1000,
      sampleEvery: 1000,
    },
  ],
  sampling: { prompts: ["a small cactus with a happy face in the Sahara desert"], steps: 20 },
});
