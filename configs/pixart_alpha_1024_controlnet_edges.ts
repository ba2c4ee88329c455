import { defineConfig } from "pixart/config";
import { controlnet, pictures } from "./bases/controlnet.ts";

/** PixArt-δ's ControlNet on Sobel edges that are made of the pictures themselves: nothing to prepare, but no HED. */
export default defineConfig({
  ...pictures,
  stages: [{ ...controlnet, controlnet: { blocks: 13, condition: "edges" } }],
});
