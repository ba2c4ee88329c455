import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { differencesOf } from "../../config/checks/config-differences.ts";
import { configFromJson, type ResolvedConfig } from "../../config/index.ts";
import { RunError } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import type { CheckpointFolder } from "../checkpoints/checkpoint-folder.ts";
import { listCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { dataChanges, describeDataChanges, onlyGrew } from "../dataset/data-changes.ts";
import { DataRecord } from "../dataset/data-record.ts";
import { recordPath } from "../dataset/run-data.ts";
import { CONFIG_FILE } from "../run-folder/run-files.ts";
import { isConfigOwn } from "../run-folder/run-identity.ts";
import { describeChange } from "./change-run.ts";

/** Differences that a resumed run accepts. */
export interface Accepted {
  /** Changed pictures and captions. */
  readonly changedData: boolean;
  /** Checkpoints saved by another run. */
  readonly otherRun: boolean;
}

/** A checkpoint to resume from, with what identifies its run. */
export type MarkedCheckpoint = Pick<CheckpointFolder, "path" | "step" | "stage" | "run">;

/**
 * Throws if a run folder has checkpoints of a stage that its config does not name: a renamed stage would silently start at step
 * 0.
 */
export async function requireKnownStages(
  checkpoints: string,
  { stages }: Pick<ResolvedConfig, "stages">,
): Promise<void> {
  const names = stages.map(({ name }) => name);
  for (const { name } of existsSync(checkpoints)
    ? readdirSync(checkpoints, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : []) {
    const path = join(checkpoints, name);
    if (names.includes(name) || (await listCheckpoints(path)).length === 0) continue;
    throw new BadFileError(
      path,
      "stage",
      `one of the stages that config.json names, ${names.join(", ")},`,
      `checkpoints of a stage ${quote(name)}`,
      "restore the stage's name in config.json, or move the folder away",
    );
  }
}

/** The run that a set of checkpoints belongs to. */
export interface Belonging {
  /** The run's own ID, else that of its newest checkpoint; undefined if neither has one. */
  readonly id: string | undefined;
  /** Messages for the user. */
  readonly lines: readonly string[];
}

/**
 * Throws if one of a run's checkpoints was saved by another run, unless that is accepted.
 * @param own the run's ID, if it has one
 * @param checkpoints the newest of each stage, in stage order
 */
export function requireOwn(
  own: string | undefined,
  checkpoints: readonly (MarkedCheckpoint | undefined)[],
  { otherRun }: Accepted,
): Belonging {
  const id = own ?? checkpoints.flatMap((checkpoint) => checkpoint?.run ?? []).at(-1)?.id;
  const lines = checkpoints.flatMap((checkpoint) => {
    const other = checkpoint?.run?.id;
    if (checkpoint === undefined || other === undefined || other === id) return [];
    if (otherRun) return [`${checkpoint.path} was saved by another run (${other})`];
    throw new BadFileError(
      checkpoint.path,
      "run",
      `a checkpoint of this run, ${id},`,
      `one that the run ${other} saved`,
      "move it away, or continue from it with --accept-other-run",
    );
  });
  return { id, lines };
}

/** Manual changes to a run's config since a checkpoint was saved; undefined if there are none. */
function configDrift(
  { run, step, stage }: MarkedCheckpoint,
  own: ResolvedConfig,
  file: string,
): string | undefined {
  if (run === undefined) return undefined;
  let before: ResolvedConfig;
  try {
    before = configFromJson(JSON.stringify(run.config), file);
  } catch {
    return undefined; // from a release with a different config format
  }
  const differences = differencesOf({ ...before, workDir: "" }, { ...own, workDir: "" });
  if (differences.length === 0) return undefined;
  return `${file} was changed by hand after step ${step} of stage "${stage}": ${differences.map(describeChange).join("; ")}. Earlier steps stay as they are; from here on the run differs from what it would have been`;
}

/** What is compared before a run is resumed. */
export interface Comparison {
  /** The checkpoint that it resumes from. */
  readonly checkpoint: MarkedCheckpoint;
  /** The config in the run folder. */
  readonly own: ResolvedConfig;
  /** Whether the resumed run accepts added pictures. */
  readonly grows: boolean;
  /** The current data. */
  readonly record: DataRecord;
  /** Location of the data set. */
  readonly location: string;
  readonly accepted: Accepted;
}

/** Result of comparing a resumed run's config and data. */
export interface Compared {
  /** Messages for the user. */
  readonly lines: readonly string[];
  /** New keys of pictures by their old ones: see pictureKeys. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Compares a run folder's config and data with a checkpoint's. Throws if the data changed, unless that is accepted. */
export async function compareRun(run: string, comparison: Comparison): Promise<Compared> {
  const { checkpoint, own } = comparison;
  const file = join(run, CONFIG_FILE);
  const drift = isConfigOwn(run) ? undefined : configDrift(checkpoint, own, file);
  const { lines, renamed } = await compareData(run, comparison);
  return { lines: [...(drift === undefined ? [] : [drift]), ...lines], renamed };
}

async function compareData(
  run: string,
  { grows, checkpoint, record, accepted, location }: Comparison,
): Promise<Compared> {
  const none = { lines: [], renamed: new Map<string, string>() };
  const { path, step, stage, run: mark } = checkpoint;
  if (mark === undefined) {
    const line = `${path} is from an earlier version of this package, which recorded nothing about the run's pictures: whether they are the same is not known`;
    return { ...none, lines: [line] };
  }
  if (mark.data === record.digest) return none;
  const what = `The data set ${location} is not what the run was trained on until step ${step} of stage "${stage}"`;
  const before = await readRecord(recordPath(run, mark.data), mark.data);
  const changes = before instanceof DataRecord ? dataChanges(before, record) : undefined;
  const named =
    changes === undefined
      ? `what changed is not known, since ${before}`
      : describeDataChanges(changes);
  const isGrown = changes !== undefined && onlyGrew(changes);
  if (!accepted.changedData && !(grows && isGrown)) {
    const orGrow = isGrown ? ", or let it grow with --cfg-options dataset.grows=true" : "";
    throw new RunError(
      "ERR_DATA_CHANGED",
      `${what}: ${named}. Put it back, or accept it as it is with --accept-changed-data${orGrow}`,
    );
  }
  return {
    lines: [`${what}: ${named}. From here on the run learns from it as it is`],
    renamed: changes?.renamed ?? none.renamed,
  };
}

/** The recorded pictures, or why they are unknown. */
async function readRecord(file: string, digest: string): Promise<DataRecord | string> {
  if (!existsSync(file)) return `${file} is missing`;
  try {
    return await DataRecord.read(file, digest);
  } catch (error) {
    if (error instanceof BadFileError) return `a file is damaged: ${error.message}`;
    throw error;
  }
}
