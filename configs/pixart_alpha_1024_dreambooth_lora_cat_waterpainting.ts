import { defineConfig } from "pixart/config";
import { dogExample, dreambooth } from "./bases/diffengine.ts";

/** DreamBooth with LoRA on water paintings of cats: a style in place of a thing, as diffengine's recipe of this name. */
export default defineConfig({
  ...dogExample,
  dataset: {
    ...dogExample.dataset,
    folder: "data/cat_waterpainting",
    instancePrompt: "A cat in szn style",
  },
  stages: [
    {
      ...dreambooth,
      batchSize: 1,
      steps: 1000,
      adapter: { type: "lora", r: 64, alpha: 64 },
    },
  ],
  sampling: { prompts: Array.from({ length: 4 }, () => "A man in szn style"), steps: 50 },
});
