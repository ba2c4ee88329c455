import { defineConfig } from "pixart/config";
import { finetune, pokemonBlip } from "./bases/diffengine.ts";

/** Trains a LoRA adapter of the 1024 px model, as diffengine's recipe of this name. */
export default defineConfig({
  ...pokemonBlip,
  stages: [{ ...finetune, name: "lora", adapter: { type: "lora" } }],
});
