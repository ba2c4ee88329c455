import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, pixels } from "./emoji_demo.ts";

/** The demo's curriculum on every emoji: about an hour and a half on two quiet cores, less if they multiply in bfloat16 (AVX512-BF16, AMX). */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null },
  transformer: { numLayers: 8, numAttentionHeads: 4, attentionHeadDim: 64, patchSize: 2 },
  stages: [
    {
      ...pixels,
      batchSize: 32,
      steps: 500,
      ema: { decay: 0.99 },
      checkpointEvery: 500,
      sampleEvery: null,
    },
    {
      ...alignment,
      batchSize: 32,
      steps: 3500,
      precision: "auto",
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 3500,
      validateEvery: 1000,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 3000,
      precision: "auto",
      curated: false, // all things are to be drawn well
      trainTextEncoder: true, // the stage before is short
      optimizer: { lr: 8e-4, textEncoderLr: 5e-4 },
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 500,
      validateEvery: 500,
    },
  ],
});
