import { join } from "node:path";
import { unlessItFails } from "../../files/unless-it-fails.ts";
import { isWhole, listCheckpoints, stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { CHECKPOINTS_FOLDER, type RunFolder } from "./run-folder.ts";
import { RunLostError } from "./run-lost-error.ts";

/**
 * What a run says that lost its folder, whatever failed because of it; undefined where the folder is here and its own, and where
 * that cannot be told: what failed before is what there is to say then.
 */
export async function lossOf(run: RunFolder, cause: unknown): Promise<RunLostError | undefined> {
  const reason = unlessItFails(() => run.lossReason());
  if (reason === undefined) return undefined;
  const rest = await howToGoOn(run).catch(() => NO_WAY);
  return new RunLostError(`${reason}; ${rest}`, { cause });
}

const NO_WAY = "nothing more is written";

async function howToGoOn(run: RunFolder): Promise<string> {
  const place = run.place();
  if (place === undefined) return NO_WAY;
  const newest = await newestIn(place, run);
  return newest === undefined
    ? `it has no checkpoint yet, so that it begins anew there with --work-dir ${place} --resume`
    : `its newest whole checkpoint is ${newest}, from which it goes on with --work-dir ${place} --resume`;
}

/** The newest checkpoint by its manifest and its files' lengths: of the stage that was trained last. */
async function newestIn(place: string, run: RunFolder): Promise<string | undefined> {
  for (const { name } of run.config.stages.toReversed()) {
    const listed = await listCheckpoints(stageCheckpoints(join(place, CHECKPOINTS_FOLDER), name));
    for (const { path } of listed.toReversed()) if (await isWhole(path)) return path;
  }
  return undefined;
}
