import { defineConfig } from "pixart/config";
import { dogExample, dreambooth } from "./bases/diffengine.ts";

/** DreamBooth with LoRA on five pictures of a dog with the 512 px model, as diffengine's recipe of this name. */
export default defineConfig({
  ...dogExample,
  base: "PixArt-alpha/PixArt-XL-2-512x512",
  stages: [{ ...dreambooth, resolution: 512, batchSize: 4 }],
});
