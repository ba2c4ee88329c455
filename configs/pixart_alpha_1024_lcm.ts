import { defineConfig } from "pixart/config";
import { finetune, pokemonBlip } from "./bases/diffengine.ts";

/** PixArt-δ: distils the 1024 px model into one of four steps without guidance (arXiv 2401.05252; PixArt_xl2_img1024_lcm). */
export default defineConfig({
  ...pokemonBlip,
  stages: [
    {
      ...finetune,
      name: "lcm",
      batchSize: 16,
      steps: { epochs: 10 },
      optimizer: { lr: 2e-5, weightDecay: 0, eps: 1e-10 },
      schedule: { type: "constant", warmupSteps: 100 },
      gradientClip: 0.01,
      ema: { decay: 0.95, warmup: false },
      consistency: {},
      checkpointEvery: 200,
      sampleEvery: 200,
    },
  ],
  sampling: { ...pokemonBlip.sampling, steps: 4, guidanceScale: 1 },
});
