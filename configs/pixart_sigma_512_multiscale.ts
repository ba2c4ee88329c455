import { defineConfig } from "pixart/config";
import { sigma, sigmaParts } from "./bases/multiscale.ts";

/** PixArt-Σ at 512 px, 40 aspect ratios and batches of 48, as its released config. */
export default defineConfig({
  ...sigmaParts,
  transformer: { pretrained: "PixArt-alpha/PixArt-Sigma-XL-2-512-MS", subfolder: "transformer" },
  stages: [
    {
      ...sigma,
      resolution: 512,
      batchSize: 2,
      gradientAccumulation: 24,
      steps: { epochs: 10 },
      checkpointEvery: 2500,
      sampleEvery: 2500,
    },
  ],
  sampling: { prompts: ["a small cactus with a happy face in the Sahara desert"], steps: 20 },
});
