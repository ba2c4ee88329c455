import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { BadFileError } from "../../files/reading/errors.ts";
import { EventTail } from "./event-tail.ts";
import type { Losses, SampleEvent } from "./events.ts";
import { findRuns } from "./find-runs.ts";
import { bestCheckpoint } from "./run-checkpoints.ts";
import { EVENTS_FILE, LOCK_FILE, readRunConfig } from "./run-folder.ts";
import { isLockHeld } from "./run-lock.ts";
import { type StageProgress, stageProgress } from "./stage-progress.ts";
import type { StageTrace } from "./tail/stage-trace.ts";

/** Prefix of a band's column. */
const HELDOUT = "heldout/";

/** Progress of one stage of a run, and what only its folder tells. */
export interface StageSummary extends StageProgress {
  /** The newest held-out loss by timestep band. */
  readonly bands: Losses;
  /** Folder name of the best checkpoint; null if none is kept. */
  readonly bestCheckpoint: string | null;
  /** Time spent in steps, without samples, validation and saving. */
  readonly seconds: number;
}

/** Summary of a run, read from its folder. */
export interface RunSummary {
  readonly path: string;
  readonly name: string;
  /** `interrupted`: neither ended nor being written. `unreadable`: nothing else is known. */
  readonly state: "finished" | "stopped" | "failed" | "running" | "interrupted" | "unreadable";
  /** Why it ended if not finished, or why it cannot be read. */
  readonly message: string | null;
  /** When it began, in ISO 8601. */
  readonly begun: string | null;
  readonly stages: readonly StageSummary[];
  /** Its sample sheets, oldest first. */
  readonly sheets: readonly Pick<SampleEvent, "stage" | "step" | "file">[];
}

/** Summaries of the runs in a folder, newest first. Unreadable runs come last, with the reason. */
export async function summarizeRuns(folder: string): Promise<RunSummary[]> {
  const names = await findRuns(folder, { links: true });
  const runs: RunSummary[] = [];
  for (const name of names) runs.push(await summaryOrReason(join(folder, name)));
  return runs.sort((a, b) => (b.begun ?? "").localeCompare(a.begun ?? ""));
}

async function summaryOrReason(path: string): Promise<RunSummary> {
  try {
    return await summarizeRun(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      path,
      name: basename(path),
      state: "unreadable",
      message: reason.replaceAll(/\s*\n\s*/g, "; "),
      begun: null,
      stages: [],
      sheets: [],
    };
  }
}

/**
 * Reads the summary of a run. Throws if the path is not a run folder, or its events are damaged; a last line without an end is not
 * read.
 */
export async function summarizeRun(path: string): Promise<RunSummary> {
  const config = readRunConfig(path);
  const log = join(path, EVENTS_FILE);
  if (!existsSync(log)) throw new BadFileError(path, EVENTS_FILE, "the events of a run", "nothing");
  const tail = new EventTail(log);
  await tail.read();
  const { damage } = tail;
  if (damage !== undefined)
    throw new BadFileError(log, `line ${damage.line}`, "an event", damage.text);
  const end = tail.eventsOf("run-end").at(-1);
  const isHeld = isLockHeld(join(path, LOCK_FILE));
  return {
    path,
    name: config.name,
    state: isHeld ? "running" : (end?.reason ?? "interrupted"),
    message: isHeld ? null : (end?.message ?? null),
    begun: tail.events[0]?.time ?? null,
    stages: config.stages.map((stage) => ({
      ...stageProgress(tail, stage),
      bands: heldoutBands(tail.stage(stage.name)),
      bestCheckpoint: bestCheckpoint(path, stage.name),
      seconds: tail.stage(stage.name).seconds,
    })),
    sheets: tail.eventsOf("sample").map(({ stage, step, file }) => ({ stage, step, file })),
  };
}

/** The newest held-out loss by timestep band. */
function heldoutBands({ validations }: StageTrace): Losses {
  const bands = validations.names.filter((name) => name.startsWith(HELDOUT));
  return Object.fromEntries(
    bands.flatMap((name) => {
      const loss = validations.column(name).at(-1) ?? Number.NaN;
      return Number.isFinite(loss) ? [[name.slice(HELDOUT.length), loss]] : [];
    }),
  );
}
