import { defineConfig } from "pixart/config";
import { pictures } from "./bases/controlnet.ts";

/**
 * PixArt-δ's ControlNet on HED edge maps. They are yours to make: a map of each picture in `data/hed`, under the picture's name, bright
 * lines on black (controlnet_aux's `HEDdetector` in Python, for instance).
 */
export default defineConfig({
  ...pictures,
  dataset: { ...pictures.dataset, controlFolder: "data/hed" },
});
