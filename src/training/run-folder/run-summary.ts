import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { readEvents } from "./event-log.ts";
import type { EventTail } from "./event-tail.ts";
import type { Losses, RunEvent, SampleEvent, StepEvent, ValidationEvent } from "./events.ts";
import { bestCheckpoint } from "./run-checkpoints.ts";
import { EVENTS_FILE, isRunFolder, LOCK_FILE, readRunConfig } from "./run-folder.ts";
import { isLockHeld } from "./run-lock.ts";
import type { StageTrace } from "./tail/stage-trace.ts";

/** A loss and the step that it was measured after. */
export interface LossAt {
  readonly step: number;
  readonly loss: number;
}

/** How one stage of a run went, so far. */
export interface StageSummary {
  readonly stage: string;
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean training loss of the last {@link RECENT} steps; null before the first. */
  readonly loss: number | null;
  /** The newest loss on held-out pictures and the lowest; null where none was measured. */
  readonly heldout: LossAt | null;
  readonly lowestHeldout: LossAt | null;
  /** The newest one by band of timesteps. */
  readonly bands: Losses;
  /** Name of the best checkpoint's folder; null where none is kept. */
  readonly bestCheckpoint: string | null;
  /** Median; null before the first step. */
  readonly imagesPerSecond: number | null;
  /** Time in steps, without samples, measuring and saving. */
  readonly seconds: number;
  /** Steps gone back from because their loss leapt. */
  readonly rollbacks: number;
}

/** What a run folder tells of its run. */
export interface RunSummary {
  readonly path: string;
  readonly name: string;
  /** `broken off`: neither ended nor being written. `unreadable`: nothing else is known of it. */
  readonly state: "finished" | "stopped" | "failed" | "running" | "broken off" | "unreadable";
  /** Why it ended, where it was not finished, or why it cannot be read. */
  readonly message: string | null;
  /** When it began, in ISO 8601. */
  readonly begun: string | null;
  readonly stages: readonly StageSummary[];
  /** Its sample sheets, oldest first. */
  readonly sheets: readonly Pick<SampleEvent, "stage" | "step" | "file">[];
}

/** Steps whose mean loss a summary gives. */
export const RECENT = 50;

/** How the runs in a folder went, newest first. One that cannot be read is among them, last, and says why. */
export function summarizeRuns(folder: string): RunSummary[] {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isRunFolder)
    .map(summaryOrReason)
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

/** Reads how a run went. Throws for what is no run folder. */
export function summarizeRun(path: string): RunSummary {
  const config = readRunConfig(path);
  const log = join(path, EVENTS_FILE);
  if (!existsSync(log)) throw new BadFileError(path, EVENTS_FILE, "the events of a run", "nothing");
  const events = readEvents(log);
  return summaryOf(path, config, events, (stage) =>
    curvesIn(events.filter((event) => "stage" in event && event.stage === stage)),
  );
}

/** The same of a run whose events are followed, without reading any: as far as they were read. */
export const summarizeTail = (path: string, config: ResolvedConfig, tail: EventTail): RunSummary =>
  summaryOf(path, config, tail.events, (stage) => curvesOf(tail.stage(stage)));

/** What a summary takes of a stage's steps and measurements, oldest first. */
interface StageCurves {
  readonly steps: ArrayLike<number>;
  readonly losses: ArrayLike<number>;
  readonly imagesPerSecond: ArrayLike<number>;
  readonly seconds: ArrayLike<number>;
  readonly heldout: readonly LossAt[];
  readonly bands: Losses;
}

function curvesIn(events: readonly RunEvent[]): StageCurves {
  const done = events.filter((event): event is StepEvent => event.type === "step");
  const measured = events.filter((event): event is ValidationEvent => event.type === "validation");
  return {
    steps: done.map(({ step }) => step),
    losses: done.map(({ loss }) => loss),
    imagesPerSecond: done.map(({ imagesPerSecond }) => imagesPerSecond),
    seconds: done.map(({ seconds }) => sumOf(Object.values(seconds))),
    heldout: measured.flatMap(({ step, losses: { heldout } }): LossAt[] =>
      heldout === undefined ? [] : [{ step, loss: heldout }],
    ),
    bands: measured.at(-1)?.bands.heldout ?? {},
  };
}

const HELDOUT = "heldout";

function curvesOf({ steps, validations }: StageTrace): StageCurves {
  const losses = validations.column(HELDOUT);
  const bands = validations.names.filter((name) => name.startsWith(`${HELDOUT}/`));
  const newest = bands.map(
    (name) => [name, validations.column(name).at(-1) ?? Number.NaN] as const,
  );
  return {
    steps: steps.column("step"),
    losses: steps.column("loss"),
    imagesPerSecond: steps.column("imagesPerSecond"),
    seconds: steps.column("seconds"),
    heldout: Array.from(validations.column("step"), (step, i) => ({
      step,
      loss: losses[i] ?? Number.NaN,
    })).filter(({ loss }) => !Number.isNaN(loss)),
    bands: Object.fromEntries(
      newest
        .filter(([, loss]) => !Number.isNaN(loss))
        .map(([name, loss]) => [name.slice(HELDOUT.length + 1), loss]),
    ),
  };
}

function summaryOf(
  path: string,
  config: ResolvedConfig,
  events: readonly RunEvent[],
  curvesFor: (stage: string) => StageCurves,
): RunSummary {
  const end = events.findLast((event) => event.type === "run-end");
  const isHeld = isLockHeld(join(path, LOCK_FILE));
  return {
    path,
    name: config.name,
    state: isHeld ? "running" : (end?.reason ?? "broken off"),
    message: isHeld ? null : (end?.message ?? null),
    begun: events[0]?.time ?? null,
    stages: config.stages.map(({ name, steps }) => ({
      ...summarizeStage(steps, curvesFor(name)),
      stage: name,
      bestCheckpoint: bestCheckpoint(path, name),
      rollbacks: events.filter((event) => event.type === "rollback" && event.stage === name).length,
    })),
    sheets: events.flatMap((event) => {
      if (event.type !== "sample") return [];
      const { stage, step, file } = event;
      return [{ stage, step, file }];
    }),
  };
}

function summarizeStage(
  steps: number,
  { steps: done, losses, imagesPerSecond, seconds, heldout, bands }: StageCurves,
): Omit<StageSummary, "stage" | "bestCheckpoint" | "rollbacks"> {
  const recent = Array.from(losses).slice(-RECENT);
  return {
    step: done[done.length - 1] ?? 0,
    steps,
    loss: recent.length === 0 ? null : sumOf(recent) / recent.length,
    heldout: heldout.at(-1) ?? null,
    lowestHeldout:
      heldout.length === 0 ? null : heldout.reduce((a, b) => (b.loss < a.loss ? b : a)),
    bands,
    imagesPerSecond: median(Array.from(imagesPerSecond)),
    seconds: sumOf(Array.from(seconds)),
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const median = (values: readonly number[]): number | null =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
