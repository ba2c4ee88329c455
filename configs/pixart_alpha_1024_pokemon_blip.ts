import { defineConfig } from "pixart/config";
import { finetune, pokemonBlip } from "./bases/diffengine.ts";

/**
 * Fine-tunes all of the 1024 px model, as diffengine's recipe of this name: needs about 20 GB of memory for weights and moments.
 * Its pictures are no longer on the Hub: name others with --cfg-options dataset.folder=… (bases/diffengine.ts).
 */
export default defineConfig({
  ...pokemonBlip,
  stages: [{ ...finetune, optimizer: { lr: 2e-6, weightDecay: 3e-2 }, gradientClip: 0.01 }],
});
