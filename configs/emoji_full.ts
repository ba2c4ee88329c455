import { defineConfig } from "pixart/config";
import demo, { aesthetics, alignment, autoencoder, pixels } from "./emoji_demo.ts";

/**
 * The demo's curriculum on every emoji: about an hour on two cores, with bfloat16 where the processor computes in it
 * (--cfg-options stages.0.precision=bfloat16 stages.3.precision=bfloat16).
 */
export default defineConfig({
  ...demo,
  dataset: { ...demo.dataset, things: null },
  stages: [
    { ...autoencoder, steps: 1300, ema: { decay: 0.995 }, checkpointEvery: 650, sampleEvery: 325 },
    {
      ...pixels,
      batchSize: 64,
      steps: 500,
      ema: { decay: 0.995 },
      checkpointEvery: 250,
      sampleEvery: 250,
    },
    {
      ...alignment,
      batchSize: 64,
      steps: 1500,
      ema: { decay: 0.998 },
      checkpointEvery: 500,
      sampleEvery: 500,
      validateEvery: 500,
    },
    {
      ...aesthetics,
      batchSize: 32,
      steps: 450,
      ema: { decay: 0.995 },
      checkpointEvery: 150,
      sampleEvery: 150,
      validateEvery: 150,
    },
  ],
});
