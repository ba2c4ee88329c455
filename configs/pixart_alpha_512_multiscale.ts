import { defineConfig } from "pixart/config";
import { multiscale, pictures } from "./bases/multiscale.ts";

/** The 512 px model at 40 aspect ratios; batches are those of one of the paper's 64 GPUs. */
export default defineConfig({
  base: "PixArt-alpha/PixArt-XL-2-512x512",
  dataset: pictures,
  stages: [{ ...multiscale, resolution: 512, batchSize: 40, steps: { epochs: 20 } }],
  sampling: { prompts: ["a small cactus with a happy face in the Sahara desert"], steps: 20 },
});
