import { defineConfig } from "pixart/config";
import { paper } from "./bases/paper.ts";

/**
 * PixArt-α's own DreamBooth (its `train_dreambooth.py`, and the steps of the paper's appendix): all weights, with the
 * bound on the variance. No averages: of 300 steps an average at 0.9999 would keep next to nothing.
 */
export default defineConfig({
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  dataset: {
    folder: "diffusers/dog-example",
    instancePrompt: "a photo of sks dog",
    cleanCaptions: true,
  },
  stages: [
    {
      ...paper,
      name: "dreambooth",
      resolution: 1024,
      batchSize: 1,
      steps: 300,
      optimizer: { lr: 5e-6, weightDecay: 3e-2, eps: 1e-10 },
      schedule: { type: "constant" },
      ema: null,
      transform: { resample: "bilinear" },
      checkpointEvery: 100,
      sampleEvery: 100,
    },
  ],
  sampling: { prompts: ["a photo of sks dog", "a photo of sks dog in a bucket"], steps: 20 },
});
