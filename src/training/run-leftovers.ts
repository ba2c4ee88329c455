import { join } from "node:path";
import { removeLeftovers } from "../files/leftovers.ts";
import { cleanLeftovers } from "./checkpoint-folder.ts";
import { LOSSES_FOLDER } from "./picture-losses-file.ts";
import { DATA_FOLDER } from "./run-data.ts";
import { isOwnFile, TOKENIZER_FOLDER } from "./run-files.ts";
import type { RunFolder } from "./run-folder.ts";
import { stageCheckpoints } from "./stage-models.ts";

/**
 * Removes what killed processes left in a run folder of the files and checkpoints that they were writing, by their hidden names.
 * For the process that holds the run: no other writes there.
 */
export async function cleanRun({ path, samples, checkpoints, config }: RunFolder): Promise<void> {
  await removeLeftovers(path, isOwnFile);
  await removeLeftovers(join(path, TOKENIZER_FOLDER), (name) => name.endsWith(".json"));
  await removeLeftovers(join(path, LOSSES_FOLDER), (name) => name.endsWith(".jsonl"));
  await removeLeftovers(join(path, DATA_FOLDER), (name) => name.endsWith(".jsonl"));
  await removeLeftovers(samples, (name) => name.endsWith(".png"));
  for (const { name } of config.stages) await cleanLeftovers(stageCheckpoints(checkpoints, name));
}
