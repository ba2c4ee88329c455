import { defineConfig } from "pixart/config";
import { encoders, paper, xl2 } from "./bases/paper.ts";

/**
 * The paper's whole curriculum from nothing, batches as on its clusters: pixel dependency on classes, alignment on dense
 * captions, then high aesthetics at 256, 512 and 1024 px. One data set serves all stages here; `curated` is the part that
 * the aesthetic stages learn from.
 */
export default defineConfig({
  ...encoders,
  dataset: { folder: "data/curriculum", denseCaptionProbability: 1, captionDropout: 0.1 },
  transformer: xl2,
  stages: [
    {
      kind: "class-conditional",
      name: "pixels",
      resolution: 256,
      batchSize: 128,
      gradientAccumulation: 8,
      steps: 300_000,
      loss: { type: "epsilon+vlb" },
      optimizer: { lr: 2e-5, weightDecay: 3e-2, eps: 1e-10 },
      gradientCheckpointing: true,
      precision: "bfloat16",
      ema: { decay: 0.9999, warmup: false },
      checkpointEvery: 5000,
      sampleEvery: 5000,
    },
    {
      ...paper,
      name: "alignment",
      resolution: 256,
      batchSize: 178,
      gradientAccumulation: 64,
      steps: 150_000,
    },
    {
      ...paper,
      name: "aesthetics-256",
      resolution: 256,
      batchSize: 178,
      gradientAccumulation: 64,
      steps: 90_000,
      curated: true,
    },
    {
      ...paper,
      name: "aesthetics-512",
      resolution: 512,
      batchSize: 40,
      gradientAccumulation: 64,
      steps: 100_000,
      curated: true,
      interpolationScale: 1,
    },
    {
      ...paper,
      name: "aesthetics-1024",
      resolution: 1024,
      batchSize: 12,
      gradientAccumulation: 32,
      steps: 16_000,
      curated: true,
      interpolationScale: 2,
    },
  ],
  sampling: { prompts: ["a small cactus with a happy face in the Sahara desert"], steps: 20 },
});
