import { join } from "node:path";
import { removeLeftovers } from "../files/leftovers.ts";
import { cleanLeftovers } from "./checkpoint-folder.ts";
import { DATA_FOLDER } from "./run-data.ts";
import type { RunFolder } from "./run-folder.ts";
import { stageCheckpoints } from "./stage-models.ts";

/**
 * Removes what killed processes left in a run folder of the files and checkpoints that they were writing, by their hidden names.
 * For the process that holds the run: no other writes there.
 */
export async function cleanRun({ path, samples, checkpoints, config }: RunFolder): Promise<void> {
  await removeLeftovers(path, (name) =>
    /^(config\.json|recipe\.json|run\.json|README\.md)$/.test(name),
  );
  await removeLeftovers(join(path, "losses"), (name) => name.endsWith(".jsonl"));
  await removeLeftovers(join(path, DATA_FOLDER), (name) => /\.jsonl?$/.test(name));
  await removeLeftovers(samples, (name) => name.endsWith(".png"));
  for (const { name } of config.stages) await cleanLeftovers(stageCheckpoints(checkpoints, name));
}
