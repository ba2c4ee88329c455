import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { differencesOf } from "../config/config-differences.ts";
import { configFromJson, type ResolvedConfig } from "../config/index.ts";
import { BadFileError, quote } from "../weights/errors.ts";
import { describeChange } from "./change-run.ts";
import type { VerifiedCheckpoint } from "./checkpoint-folder.ts";
import { listCheckpoints } from "./checkpoint-folder.ts";
import { dataChanges, describeDataChanges, onlyGrew } from "./data-changes.ts";
import { DataRecord } from "./data-record.ts";

/** What a resumed run is told to take as it is. */
export interface Accepted {
  /** Pictures and captions that are others than they were. */
  readonly changedData: boolean;
  /** Checkpoints that another run saved. */
  readonly otherRun: boolean;
}

/** A checkpoint that a run goes on from, as far as it is asked for what it belongs to. */
export type MarkedCheckpoint = Pick<VerifiedCheckpoint, "path" | "step" | "stage" | "run">;

/** Where a run folder keeps what its pictures were, by digest. */
export const recordPath = (run: string, digest: string): string =>
  join(run, DATA_FOLDER, `${digest.slice(0, 16)}.jsonl`);

export const DATA_FOLDER = "data";

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

/** Throws where one of the checkpoints was saved by another run, unless that is accepted: then it gives a sentence for each. */
export function foreignCheckpoints(
  checkpoints: readonly (MarkedCheckpoint | undefined)[],
  id: string,
  { otherRun }: Accepted,
): string[] {
  return checkpoints.flatMap((checkpoint) => {
    const other = checkpoint?.run?.id;
    if (checkpoint === undefined || other === undefined || other === id) return [];
    if (otherRun) return [`${checkpoint.path} was saved by another run (${other})`];
    const advice = "move it away, or go on from it with --accept-other-run";
    const found = `one that the run ${other} saved`;
    throw new BadFileError(
      checkpoint.path,
      "run",
      `a checkpoint of this run, ${id},`,
      found,
      advice,
    );
  });
}

/** What was changed by hand in a run's config since a checkpoint was saved; undefined where nothing was. */
export function configDrift(
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

/** What a resumed run found out about its data. */
export interface ComparedData {
  readonly record: DataRecord;
  /** What people should know. */
  readonly lines: readonly string[];
  /** New names of pictures by the ones that they had. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Compares the data with what a checkpoint's run had learnt from. Throws where it changed, unless that is accepted. */
export function compareData(
  run: string,
  { config, checkpoint, record, accepted, location }: DataComparison,
): ComparedData {
  const none = { record, lines: [], renamed: new Map<string, string>() };
  const { path, step, stage, run: mark } = checkpoint;
  if (mark === undefined) {
    const line = `${path} is of an earlier release, which kept nothing of the run's pictures: whether they are the same is not known`;
    return { ...none, lines: [line] };
  }
  if (mark.data === record.digest) return none;
  const file = recordPath(run, mark.data);
  const what = `The data set ${location} is not what the run was trained on until step ${step} of stage "${stage}"`;
  const before = readRecord(file, mark.data);
  const changes = before === undefined ? undefined : dataChanges(before, record);
  const named =
    changes === undefined
      ? `what is another is not known, since ${file} is missing`
      : describeDataChanges(changes);
  const isGrown = changes !== undefined && onlyGrew(changes);
  if (!accepted.changedData && !(config.dataset.grows && isGrown)) {
    const grows = isGrown ? ", or let it grow with --cfg-options dataset.grows=true" : "";
    throw new Error(
      `${what}: ${named}. Put it back, or go on with it as it is with --accept-changed-data${grows}`,
    );
  }
  return {
    record,
    lines: [`${what}: ${named}. From here on the run learns from it as it is`],
    renamed: changes?.renamed ?? none.renamed,
  };
}

/** What is compared. */
export interface DataComparison {
  readonly config: Pick<ResolvedConfig, "dataset">;
  readonly checkpoint: MarkedCheckpoint;
  /** What the data is now. */
  readonly record: DataRecord;
  readonly accepted: Accepted;
  /** Of the data set. */
  readonly location: string;
}

function readRecord(file: string, digest: string): DataRecord | undefined {
  if (!existsSync(file)) return undefined;
  return DataRecord.parse(file, readFileSync(file, "utf8"), digest);
}
