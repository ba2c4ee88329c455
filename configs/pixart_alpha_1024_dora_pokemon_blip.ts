import { defineConfig } from "pixart/config";
import { finetune, pokemonBlip } from "./bases/diffengine.ts";

/** Trains a DoRA adapter of the 1024 px model, otherwise as the LoRA recipe. */
export default defineConfig({
  ...pokemonBlip,
  stages: [{ ...finetune, name: "dora", adapter: { type: "dora" } }],
});
