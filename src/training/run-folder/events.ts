/** Values by name: the parts of a loss, or the losses of several sets of pictures. */
export type Losses = Readonly<Record<string, number>>;

/** What every event has. */
interface Timed {
  /** When it was written, in ISO 8601. */
  readonly time: string;
}

/** Where in the run it happened: `step` counts the finished optimizer steps of the stage. */
interface Placed extends Timed {
  readonly stage: string;
  readonly step: number;
}

/** A new run. */
export interface RunStartEvent extends Timed {
  readonly type: "run-start";
  readonly name: string;
}

/** A value of the run's config that was changed, by its path; a side is left out where it has none. */
export interface ConfigChange {
  readonly place: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** The run goes on after this step of this stage; what an earlier process did beyond it is superseded. */
export interface ResumeEvent extends Placed {
  readonly type: "resume";
  /** What of the config is another from here on. */
  readonly changes?: readonly ConfigChange[];
}

/** A stage of `steps` steps begins. */
export interface StageStartEvent extends Placed {
  readonly type: "stage-start";
  readonly steps: number;
}

/** One optimizer step. */
export interface StepEvent extends Placed {
  readonly type: "step";
  readonly loss: number;
  readonly lossParts: Losses;
  /** Global norm before clipping. */
  readonly gradNorm: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
  /** Where the step's time went. */
  readonly seconds: {
    readonly data: number;
    readonly forward: number;
    readonly backward: number;
    readonly optimizer: number;
  };
}

/** Losses at fixed timesteps and noise, by set of pictures (`train`, `heldout`). */
export interface ValidationEvent extends Placed {
  readonly type: "validation";
  readonly losses: Losses;
  /** The same by band of timesteps, such as `0-249`; a band at which nothing was measured is not there. */
  readonly bands: Readonly<Record<string, Losses>>;
}

/**
 * A step's loss leapt, and the run went back to the checkpoint of step `step`: what it did beyond it is superseded. The
 * batches from `skipped[0]` to before `skipped[1]` of the stage's sequence are passed over from now on.
 */
export interface RollbackEvent extends Placed {
  readonly type: "rollback";
  readonly spikeStep: number;
  readonly loss: number;
  /** How many times the usual. */
  readonly ratio: number;
  readonly skipped: readonly [from: number, to: number];
  /** Of the step whose loss leapt. */
  readonly pictures: readonly string[];
}

/** A sample sheet; `file` is relative to the run folder. */
export interface SampleEvent extends Placed {
  readonly type: "sample";
  readonly file: string;
}

/** A finished checkpoint; `folder` is relative to the run folder. */
export interface CheckpointEvent extends Placed {
  readonly type: "checkpoint";
  readonly folder: string;
}

/** Something that the user should know and that does not end the run. */
export interface WarningEvent extends Placed {
  readonly type: "warning";
  readonly message: string;
}

/** A stage has done its last step. */
export interface StageEndEvent extends Placed {
  readonly type: "stage-end";
}

/** The process leaves the run: finished, stopped by a signal at a saved step, or failed. */
export interface RunEndEvent extends Placed {
  readonly type: "run-end";
  readonly reason: "finished" | "stopped" | "failed";
  /** The signal or the error; null where it finished. */
  readonly message: string | null;
}

/** One line of `events.jsonl`. */
export type RunEvent =
  | RunStartEvent
  | ResumeEvent
  | StageStartEvent
  | StepEvent
  | ValidationEvent
  | RollbackEvent
  | SampleEvent
  | CheckpointEvent
  | WarningEvent
  | StageEndEvent
  | RunEndEvent;

type WithoutTime<T> = T extends RunEvent ? Omit<T, "time"> : never;

/** An event that is yet to be written. */
export type NewEvent = WithoutTime<RunEvent>;

const types: Readonly<Record<RunEvent["type"], true>> = {
  "run-start": true,
  resume: true,
  "stage-start": true,
  step: true,
  validation: true,
  rollback: true,
  sample: true,
  checkpoint: true,
  warning: true,
  "stage-end": true,
  "run-end": true,
};

/** The event as a line of JSON. Numbers read back exactly; NaN, the infinities and -0 are written as text. */
export function formatEvent(event: RunEvent): string {
  return JSON.stringify(event, (_, value: unknown) => {
    if (Object.is(value, -0)) return "-0";
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}

/** Reads a line that {@link formatEvent} wrote; undefined where it is no event. */
export function parseEvent(line: string): RunEvent | undefined {
  let event: RunEvent;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Object.hasOwn(types, Object(event).type) || !isWhole(event)) return undefined;
  if (event.type === "validation") {
    const bands = Object.entries(event.bands ?? {}); // runs of earlier releases have none
    if (!bands.every(([, losses]) => isObject(losses))) return undefined;
    return {
      ...event,
      losses: numbers(event.losses),
      bands: Object.fromEntries(bands.map(([split, losses]) => [split, numbers(losses)])),
    };
  }
  if (event.type !== "step") return event;
  const { lossParts, seconds, ...fields } = event;
  const { loss, gradNorm } = numbers({ loss: event.loss, gradNorm: event.gradNorm });
  return { ...fields, loss, gradNorm, lossParts: numbers(lossParts), seconds };
}

/** Whether an event has what is read of its type: a line may be JSON and damaged all the same. */
function isWhole(event: RunEvent): boolean {
  if (typeof event.time !== "string") return false;
  if (event.type === "run-start") return true;
  if (typeof event.stage !== "string" || !Number.isSafeInteger(event.step)) return false;
  if (event.type === "step") return isObject(event.lossParts) && isObject(event.seconds);
  if (event.type === "validation") return isObject(event.losses);
  return event.type !== "sample" || typeof event.file === "string";
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The values as numbers, also those that JSON cannot hold. */
function numbers<K extends string>(values: Readonly<Record<K, number>>): Record<K, number> {
  const entries = Object.entries(values).map(([name, value]) => [name, Number(value)]);
  return Object.fromEntries(entries) as Record<K, number>;
}

/**
 * Drops what a `resume` or a `rollback` superseded: what was done beyond its step and in later stages, and the end of the run. Where a
 * resumed run does something at its first step once more, the later event counts.
 */
export function foldEvents(events: Iterable<RunEvent>): RunEvent[] {
  const kept = new Map<string, RunEvent>();
  let count = 0;
  for (const event of events) {
    if (event.type === "resume" || event.type === "rollback") {
      const isSuperseded = superseded(kept.values(), event);
      for (const [key, earlier] of kept) if (isSuperseded(earlier)) kept.delete(key);
    }
    const happensOnce = "step" in event && !["resume", "rollback", "warning"].includes(event.type);
    const key = happensOnce ? `${event.type} ${event.stage} ${event.step}` : String(count++);
    kept.delete(key);
    kept.set(key, event);
  }
  return [...kept.values()];
}

function superseded(
  events: Iterable<RunEvent>,
  { stage, step }: ResumeEvent | RollbackEvent,
): (event: RunEvent) => boolean {
  const stages = [
    ...new Set([...events].flatMap((event) => ("stage" in event ? event.stage : []))),
  ];
  const later = new Set(stages.slice(stages.indexOf(stage) + 1 || stages.length));
  return (event) =>
    "step" in event &&
    (later.has(event.stage) ||
      (event.stage === stage && event.step > step) ||
      event.type === "run-end");
}
