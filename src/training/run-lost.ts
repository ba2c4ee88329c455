import { join } from "node:path";
import { listCheckpoints, readCheckpoint } from "./checkpoint-folder.ts";
import { CHECKPOINTS_FOLDER, type RunFolder } from "./run-folder.ts";
import { RunLostError } from "./run-lost-error.ts";
import { stageCheckpoints } from "./stage-models.ts";

/** What a run says that lost its folder, whatever failed because of it; undefined where the folder is here and its own. */
export async function lossOf(run: RunFolder, cause: unknown): Promise<RunLostError | undefined> {
  const reason = run.lossReason();
  if (reason === undefined) return undefined;
  const place = run.place();
  const newest = place === undefined ? undefined : await newestIn(place, run);
  const rest =
    place === undefined
      ? "nothing more is written"
      : newest === undefined
        ? `it has no checkpoint yet, so that it begins anew there with --work-dir ${place} --resume`
        : `its newest whole checkpoint is ${newest}, from which it goes on with --work-dir ${place} --resume`;
  return new RunLostError(`${reason}; ${rest}`, { cause });
}

/** The newest checkpoint by its manifest and its files' lengths: of the stage that was trained last. */
async function newestIn(place: string, run: RunFolder): Promise<string | undefined> {
  for (const { name } of run.config.stages.toReversed()) {
    const listed = await listCheckpoints(stageCheckpoints(join(place, CHECKPOINTS_FOLDER), name));
    for (const { path } of listed.toReversed()) {
      const isWhole = await readCheckpoint(path).then(
        () => true,
        () => false,
      );
      if (isWhole) return path;
    }
  }
  return undefined;
}
