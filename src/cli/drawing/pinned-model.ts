import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NamedPlace } from "../../server/engine/engine-messages.ts";
import { newestDrawable } from "../../training/run-folder/run-checkpoints.ts";
import { isRunFolder, readRunConfig } from "../../training/run-folder/run-folder.ts";

/**
 * The same model with a run's folder replaced by its newest checkpoint: whatever loads it, and whenever, loads the same weights.
 * Throws RunError if the run has none that draws.
 */
export async function pinnedModel({ name, place }: NamedPlace): Promise<NamedPlace> {
  if (existsSync(join(place, "model_index.json")) || !isRunFolder(place)) return { name, place };
  const { path } = await newestDrawable(place, readRunConfig(place));
  return { name, place: path };
}
