import { defineConfig } from "pixart/config";
import demo from "./emoji_demo.ts";

/**
 * The autoencoder that the emoji recipes begin with (models/emoji-vae), as PixArt-α begins with Stable Diffusion's: trained once, for about
 * an hour and a half on two cores; processors that multiply in bfloat16 (AVX512-BF16, AMX) take half as long as others.
 */
export default defineConfig({
  ...demo,
  dataset: { folder: "data/emoji" },
  autoencoder: { latentChannels: 4, blockOutChannels: [32, 64, 128], normNumGroups: 8 },
  stages: [
    {
      kind: "autoencoder",
      name: "autoencoder",
      resolution: 64,
      batchSize: 4, // what counts is the number of steps
      steps: 20_000,
      precision: "auto",
      optimizer: { lr: 1e-3, weightDecay: 0.01 },
      schedule: { type: "cosine", warmupSteps: 200 },
      ema: { decay: 0.999 },
      checkpointEvery: 1000,
      validateEvery: 1000,
      sampleEvery: null,
    },
  ],
});
