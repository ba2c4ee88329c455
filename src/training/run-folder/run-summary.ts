import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { median } from "../progress/median.ts";
import { readEvents } from "./event-log.ts";
import type { Losses, RunEvent, SampleEvent, StepEvent, ValidationEvent } from "./events.ts";
import { findRuns } from "./find-runs.ts";
import { bestCheckpoint } from "./run-checkpoints.ts";
import { EVENTS_FILE, LOCK_FILE, readRunConfig } from "./run-folder.ts";
import { isLockHeld } from "./run-lock.ts";

/** A loss and the step after which it was measured. */
export interface LossAt {
  readonly step: number;
  readonly loss: number;
}

/** Progress of one stage of a run. */
export interface StageSummary {
  readonly stage: string;
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean training loss of the last {@link RECENT} steps; null before the first. */
  readonly loss: number | null;
  /** The newest and the lowest held-out loss; null if none was measured. */
  readonly heldout: LossAt | null;
  readonly lowestHeldout: LossAt | null;
  /** The newest one by timestep band. */
  readonly bands: Losses;
  /** Folder name of the best checkpoint; null if none is kept. */
  readonly bestCheckpoint: string | null;
  /** Median; null before the first step. */
  readonly imagesPerSecond: number | null;
  /** Time spent in steps, without samples, validation and saving. */
  readonly seconds: number;
  /** Number of rollbacks after a loss spike. */
  readonly rollbacks: number;
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

/** Number of steps whose mean loss a summary gives. */
export const RECENT = 50;

/** Summaries of the runs in a folder, newest first. Unreadable runs come last, with the reason. */
export async function summarizeRuns(folder: string): Promise<RunSummary[]> {
  const names = await findRuns(folder, { links: true });
  return names
    .map((name) => summaryOrReason(join(folder, name)))
    .sort((a, b) => (b.begun ?? "").localeCompare(a.begun ?? ""));
}

function summaryOrReason(path: string): RunSummary {
  try {
    return summarizeRun(path);
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

/** Reads the summary of a run. Throws if the path is not a run folder. */
export function summarizeRun(path: string): RunSummary {
  const config = readRunConfig(path);
  const log = join(path, EVENTS_FILE);
  if (!existsSync(log)) throw new BadFileError(path, EVENTS_FILE, "the events of a run", "nothing");
  const events = readEvents(log);
  const end = events.findLast((event) => event.type === "run-end");
  const isHeld = isLockHeld(join(path, LOCK_FILE));
  return {
    path,
    name: config.name,
    state: isHeld ? "running" : (end?.reason ?? "interrupted"),
    message: isHeld ? null : (end?.message ?? null),
    begun: events[0]?.time ?? null,
    stages: config.stages.map((stage) => summarizeStage(path, stage, events)),
    sheets: events.flatMap((event) => {
      if (event.type !== "sample") return [];
      const { stage, step, file } = event;
      return [{ stage, step, file }];
    }),
  };
}

function summarizeStage(
  path: string,
  { name, steps }: ResolvedConfig["stages"][number],
  events: readonly RunEvent[],
): StageSummary {
  const own = events.filter((event) => "stage" in event && event.stage === name);
  const done = own.filter((event): event is StepEvent => event.type === "step");
  const measured = own.filter((event): event is ValidationEvent => event.type === "validation");
  const losses = measured.flatMap(({ step, losses: { heldout } }): LossAt[] =>
    heldout !== undefined && Number.isFinite(heldout) ? [{ step, loss: heldout }] : [],
  );
  const recent = done.slice(-RECENT).map(({ loss }) => loss);
  return {
    stage: name,
    step: done.at(-1)?.step ?? 0,
    steps,
    loss: recent.length === 0 ? null : sumOf(recent) / recent.length,
    heldout: losses.at(-1) ?? null,
    lowestHeldout: losses.length === 0 ? null : losses.reduce((a, b) => (b.loss < a.loss ? b : a)),
    bands: measured.at(-1)?.bands.heldout ?? {},
    bestCheckpoint: bestCheckpoint(path, name),
    imagesPerSecond:
      done.length === 0 ? null : median(done.map(({ imagesPerSecond }) => imagesPerSecond)),
    seconds: sumOf(done.flatMap(({ seconds }) => Object.values(seconds))),
    rollbacks: own.filter(({ type }) => type === "rollback").length,
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
