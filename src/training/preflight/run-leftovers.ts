import { join } from "node:path";
import { removeLeftovers } from "../../files/leftovers.ts";
import { cleanLeftovers, stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { DATA_FOLDER } from "../dataset/run-data.ts";
import { LOSSES_FOLDER } from "../run-folder/picture-losses-file.ts";
import { isOwnFile, TOKENIZER_FOLDER } from "../run-folder/run-files.ts";
import type { RunFolder } from "../run-folder/run-folder.ts";

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
