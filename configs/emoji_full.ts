import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, autoencoder, pixels } from "./emoji_demo.ts";

/**
 * The demo's curriculum on every emoji: about an hour and a half on two quiet cores. Where the processor computes in
 * bfloat16 (avx512_bf16, AMX) the stages at 64 px are faster by half with
 * --cfg-options stages.0.precision=bfloat16 stages.3.precision=bfloat16
 */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null },
  transformer: { numLayers: 8, numAttentionHeads: 4, attentionHeadDim: 64, patchSize: 2 },
  stages: [
    { ...autoencoder, steps: 1500, ema: { decay: 0.995 }, checkpointEvery: 500, sampleEvery: 500 },
    {
      ...pixels,
      batchSize: 64,
      steps: 1000,
      ema: { decay: 0.998 },
      checkpointEvery: 500,
      sampleEvery: 500,
    },
    {
      ...alignment,
      batchSize: 64,
      steps: 4500,
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 1000,
      validateEvery: 500,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 1500,
      ema: { decay: 0.998 },
      checkpointEvery: 500,
      sampleEvery: 500,
      validateEvery: 500,
    },
  ],
});
