import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { differencesOf } from "../../config/checks/config-differences.ts";
import { configFromJson, type ResolvedConfig } from "../../config/index.ts";
import { RunError } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import type { VerifiedCheckpoint } from "../checkpoints/checkpoint-folder.ts";
import { listCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { dataChanges, describeDataChanges, onlyGrew } from "../dataset/data-changes.ts";
import { DataRecord } from "../dataset/data-record.ts";
import { recordPath } from "../dataset/run-data.ts";
import { CONFIG_FILE } from "../run-folder/run-files.ts";
import { isConfigOwn } from "../run-folder/run-identity.ts";
import { describeChange } from "./change-run.ts";

/** What a resumed run is told to take as it is. */
export interface Accepted {
  /** Pictures and captions that are others than they were. */
  readonly changedData: boolean;
  /** Checkpoints that another run saved. */
  readonly otherRun: boolean;
}

/** A checkpoint that a run goes on from, as far as it is asked for what it belongs to. */
export type MarkedCheckpoint = Pick<VerifiedCheckpoint, "path" | "step" | "stage" | "run">;

/**
 * Throws where a run folder has checkpoints of a stage that its config does not name: one that was renamed would begin at step 0
 * without a word.
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
      "give the stage its name back in config.json, or move the folder away",
    );
  }
}

/** Whose checkpoints a run's are. */
export interface Belonging {
  /** The run's own identity, else that of its newest checkpoint; undefined where neither has one. */
  readonly id: string | undefined;
  /** What people should know. */
  readonly lines: readonly string[];
}

/**
 * Throws where one of a run's checkpoints was saved by another run, unless that is accepted.
 * @param own the run's identity, where it has one
 * @param checkpoints the newest of each stage, in their order
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
      "move it away, or go on from it with --accept-other-run",
    );
  });
  return { id, lines };
}

/** What was changed by hand in a run's config since a checkpoint was saved; undefined where nothing was. */
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
    return undefined; // of a release whose configs were others
  }
  const differences = differencesOf({ ...before, workDir: "" }, { ...own, workDir: "" });
  if (differences.length === 0) return undefined;
  return `${file} was changed by hand after step ${step} of stage "${stage}": ${differences.map(describeChange).join("; ")}. What was done before stays; from here on the run is another than it would have been`;
}

/** What is compared before a run goes on. */
export interface Comparison {
  /** The one that it goes on from. */
  readonly checkpoint: MarkedCheckpoint;
  /** The config that the run folder holds. */
  readonly own: ResolvedConfig;
  /** Whether the run, as it goes on, takes more pictures than there were. */
  readonly grows: boolean;
  /** What the data is now. */
  readonly record: DataRecord;
  /** Of the data set. */
  readonly location: string;
  readonly accepted: Accepted;
}

/** What a resumed run found out about its config and its data. */
export interface Compared {
  /** What people should know. */
  readonly lines: readonly string[];
  /** New keys of pictures by the ones that they had: see pictureKeys. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Compares the config and the data of a run folder with those of a checkpoint. Throws where the data changed, unless that is accepted. */
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
    const line = `${path} is of an earlier release, which kept nothing of the run's pictures: whether they are the same is not known`;
    return { ...none, lines: [line] };
  }
  if (mark.data === record.digest) return none;
  const what = `The data set ${location} is not what the run was trained on until step ${step} of stage "${stage}"`;
  const before = await readRecord(recordPath(run, mark.data), mark.data);
  const changes = before instanceof DataRecord ? dataChanges(before, record) : undefined;
  const named =
    changes === undefined
      ? `what is another is not known, since ${before}`
      : describeDataChanges(changes);
  const isGrown = changes !== undefined && onlyGrew(changes);
  if (!accepted.changedData && !(grows && isGrown)) {
    const orGrow = isGrown ? ", or let it grow with --cfg-options dataset.grows=true" : "";
    throw new RunError(
      "ERR_DATA_CHANGED",
      `${what}: ${named}. Put it back, or go on with it as it is with --accept-changed-data${orGrow}`,
    );
  }
  return {
    lines: [`${what}: ${named}. From here on the run learns from it as it is`],
    renamed: changes?.renamed ?? none.renamed,
  };
}

/** What the pictures were, or why that is not known. */
async function readRecord(file: string, digest: string): Promise<DataRecord | string> {
  if (!existsSync(file)) return `${file} is missing`;
  try {
    return await DataRecord.read(file, digest);
  } catch (error) {
    if (error instanceof BadFileError) return `a file is damaged: ${error.message}`;
    throw error;
  }
}
