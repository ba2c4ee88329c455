import { defineConfig } from "pixart/config";
import { multiscale, pictures } from "./bases/multiscale.ts";

/** The 1024 px model at 40 aspect ratios, which it is told with each picture's size; batches are those of one of the paper's 32 GPUs. */
export default defineConfig({
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  dataset: pictures,
  stages: [{ ...multiscale, resolution: 1024, batchSize: 12, steps: { epochs: 10 } }],
  sampling: { prompts: ["a small cactus with a happy face in the Sahara desert"], steps: 20 },
});
