import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, pixels } from "./emoji_demo.ts";

/**
 * The demo's curriculum on every emoji: an hour and a quarter on two quiet cores that multiply in bfloat16 (AVX512-BF16, AMX), three
 * and a half hours on others. Shortening it costs more than it saves: with 500, 3500 and 3000 steps 4 % of the things came out right.
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
      steps: 5000,
      precision: "auto",
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 4000,
      validateEvery: 1000,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 12_000,
      precision: "auto",
      curated: false, // all things are to be drawn well
      trainTextEncoder: true, // the stage before is short
      optimizer: { lr: 8e-4, textEncoderLr: 5e-4 },
      ema: { decay: 0.999 },
      checkpointEvery: 500,
      sampleEvery: 2000,
      validateEvery: 1000,
    },
  ],
});
