import { join } from "node:path";
import { removeLeftovers } from "../../files/leftovers.ts";
import { namesIn } from "../../files/names-in.ts";
import { removeFile } from "../../files/remove.ts";
import { cleanLeftovers, stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { DATA_FOLDER } from "../dataset/run-data.ts";
import { CONTROL_FOLDER, isControlFile } from "../run-folder/control.ts";
import { LOSSES_FOLDER } from "../run-folder/picture-losses-file.ts";
import { isOwnFile, TOKENIZER_FOLDER } from "../run-folder/run-files.ts";
import type { RunFolder } from "../run-folder/run-folder.ts";

/**
 * Removes files and checkpoints that killed processes left half-written in a run folder, recognized by their hidden names, and
 * requests that an earlier process never handled. For the process that holds the run: nothing else writes there.
 */
export async function cleanRun({ path, samples, checkpoints, config }: RunFolder): Promise<void> {
  const isStepName = (name: string): boolean => /^\d{8,}$/.test(name);
  await removeLeftovers(path, isOwnFile);
  await removeLeftovers(join(path, TOKENIZER_FOLDER), (name) => name.endsWith(".json"));
  await removeLeftovers(join(path, LOSSES_FOLDER), (name) => name.endsWith(".jsonl"));
  await removeLeftovers(join(path, DATA_FOLDER), (name) => name.endsWith(".jsonl"));
  await removeLeftovers(samples, (name) => name.endsWith(".png"));
  for (const { name: stage } of config.stages)
    for (const step of (await namesIn(join(samples, stage))).filter(isStepName))
      await removeLeftovers(join(samples, stage, step), (name) => name.endsWith(".png"));
  const control = join(path, CONTROL_FOLDER);
  await removeLeftovers(control, isControlFile);
  for (const name of (await namesIn(control)).filter(isControlFile))
    await removeFile(join(control, name));
  for (const { name } of config.stages) await cleanLeftovers(stageCheckpoints(checkpoints, name));
}
