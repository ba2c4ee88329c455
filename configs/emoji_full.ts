import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, pixels } from "./emoji_demo.ts";

/**
 * The demo's curriculum on every emoji: some two hours on two quiet cores. Where the processor computes in bfloat16 (AVX512-BF16,
 * AMX) the stage at 64 px is faster with --cfg-options stages.2.precision=bfloat16
 */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null },
  transformer: { numLayers: 8, numAttentionHeads: 4, attentionHeadDim: 64, patchSize: 2 },
  stages: [
    {
      ...pixels,
      batchSize: 32,
      steps: 2000,
      ema: { decay: 0.998 },
      checkpointEvery: 500,
      sampleEvery: 1000,
    },
    {
      ...alignment,
      batchSize: 32,
      steps: 24_000,
      ema: { decay: 0.999 },
      checkpointEvery: 1000,
      sampleEvery: 4000,
      validateEvery: 1000,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 8000,
      curated: false, // all things are to be drawn well
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 2000,
      validateEvery: 1000,
    },
  ],
});
