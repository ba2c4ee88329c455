import { defineConfig } from "pixart/config";
import { finetune, pokemonBlip } from "./bases/diffengine.ts";

/** Trains an OFT adapter of the 1024 px model, otherwise as the LoRA recipe. */
export default defineConfig({
  ...pokemonBlip,
  stages: [{ ...finetune, name: "oft", adapter: { type: "oft" } }],
});
