/** Values by name: the parts of a loss, or the losses of several sets of pictures. */
export type Losses = Readonly<Record<string, number>>;

/** Common to all events. */
interface Timed {
  /** When it was written, in ISO 8601. */
  readonly time: string;
}

/** The place in the run: `step` counts the finished optimizer steps of the stage. */
interface Placed extends Timed {
  readonly stage: string;
  readonly step: number;
}

/** How a process of a run was started, so that its pictures can be reproduced. */
export interface RunFacts {
  /** The device it computes on. */
  readonly device: string;
  readonly host: string;
  /** Of `pixart`, `node` and `torch`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Threads of the engine. */
  readonly threads: number;
  /** The command, without words that look like secrets. */
  readonly argv: readonly string[];
  /** Working directory of the command. */
  readonly cwd: string;
}

/** A new run. */
export interface RunStartEvent extends Timed {
  readonly type: "run-start";
  readonly name: string;
  /** Undefined in runs of earlier versions. */
  readonly facts?: RunFacts;
}

/** A changed value of the run's config, by its path; a side is omitted if it has no value. */
export interface ConfigChange {
  readonly place: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** The run resumes after this step of this stage; anything an earlier process did beyond it is superseded. */
export interface ResumeEvent extends Placed {
  readonly type: "resume";
  /** Config values that differ from here on. */
  readonly changes?: readonly ConfigChange[];
  /** Of the resuming process. */
  readonly facts?: RunFacts;
}

/** What remains to be done and what it takes, as `pixart train --dry-run --json` prints it. */
export interface PlanEvent extends Placed {
  readonly type: "plan";
  readonly plan: object;
}

/**
 * What the run does between steps, at most once a second: `encoding captions`, `sampling`, `saving`. Any event except a warning
 * ends it.
 */
export interface ActivityEvent extends Placed {
  readonly type: "activity";
  readonly what: string;
  readonly done: number;
  /** Null if unknown. */
  readonly total: number | null;
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
  /** The loss by timestep band, such as `0-249`, for the bands that the step drew; undefined if the stage has none. */
  readonly bands?: Losses;
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
  /** At most every ten seconds. */
  readonly memory?: MemoryUse;
}

/** Memory of the run's first process, in bytes. */
export interface MemoryUse {
  /** Resident. */
  readonly rss: number;
  /** Peak memory on the device so far; undefined on the CPU. */
  readonly device?: number;
}

/** Losses at fixed timesteps and noise, by set of pictures (`train`, `heldout`). */
export interface ValidationEvent extends Placed {
  readonly type: "validation";
  readonly losses: Losses;
  /** The same by timestep band, such as `0-249`; bands without measurements are omitted. */
  readonly bands: Readonly<Record<string, Losses>>;
}

/**
 * A step's loss spiked, and the run rolled back to the checkpoint of step `step`: anything beyond it is superseded. From now on
 * the batches from `skipped[0]` up to but not including `skipped[1]` of the stage's sequence are skipped.
 */
export interface RollbackEvent extends Placed {
  readonly type: "rollback";
  readonly spikeStep: number;
  readonly loss: number;
  /** Multiple of the usual loss. */
  readonly ratio: number;
  readonly skipped: readonly [from: number, to: number];
  /** Pictures of the step that spiked. */
  readonly pictures: readonly string[];
}

/** One drawn picture in full size. */
export interface SampledPicture {
  /** Relative to the run folder. */
  readonly file: string;
  readonly prompt: string;
  /** Seed with which `pixart sample` draws this picture alone; null if it can only be drawn together with others. */
  readonly seed: number | null;
}

/** A sample sheet; `file` is relative to the run folder. */
export interface SampleEvent extends Placed {
  readonly type: "sample";
  readonly file: string;
  /** The drawn pictures on it, by prompt. Undefined in runs of earlier versions. */
  readonly pictures?: readonly SampledPicture[];
}

/** A finished checkpoint; `folder` is relative to the run folder. */
export interface CheckpointEvent extends Placed {
  readonly type: "checkpoint";
  readonly folder: string;
}

/** Something the user should know that does not end the run. */
export interface WarningEvent extends Placed {
  readonly type: "warning";
  readonly message: string;
}

/** A stage has done its last step. */
export interface StageEndEvent extends Placed {
  readonly type: "stage-end";
}

/** The process exits: the run is finished, was stopped by a signal at a saved step, or failed. */
export interface RunEndEvent extends Placed {
  readonly type: "run-end";
  readonly reason: "finished" | "stopped" | "failed";
  /** The signal or the error; null if finished. */
  readonly message: string | null;
}

/** One line of `events.jsonl`. */
export type RunEvent =
  | RunStartEvent
  | ResumeEvent
  | PlanEvent
  | ActivityEvent
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

/** An event to be written. */
export type NewEvent = WithoutTime<RunEvent>;

const types: Readonly<Record<RunEvent["type"], true>> = {
  "run-start": true,
  resume: true,
  plan: true,
  activity: true,
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

/** Formats the event as a line of JSON. Numbers round-trip exactly; NaN, infinities and -0 are written as text. */
export function formatEvent(event: RunEvent): string {
  return JSON.stringify(event, (_, value: unknown) => {
    if (Object.is(value, -0)) return "-0";
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}

/** Parses a line written by {@link formatEvent}; undefined if it is not an event. */
export function parseEvent(line: string): RunEvent | undefined {
  let event: RunEvent;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Object.hasOwn(types, Object(event).type) || !isWhole(event)) return undefined;
  if (event.type === "validation") {
    const bands = Object.entries(event.bands ?? {}); // runs of earlier versions have none
    if (!bands.every(([, losses]) => isObject(losses))) return undefined;
    return {
      ...event,
      losses: numbers(event.losses),
      bands: Object.fromEntries(bands.map(([split, losses]) => [split, numbers(losses)])),
    };
  }
  if (event.type !== "step") return event;
  const { lossParts, bands, seconds, ...fields } = event;
  const { loss, gradNorm } = numbers({ loss: event.loss, gradNorm: event.gradNorm });
  return {
    ...fields,
    loss,
    gradNorm,
    lossParts: numbers(lossParts),
    ...(bands !== undefined && { bands: numbers(bands) }),
    seconds,
  };
}

/** Whether an event has the fields that its type needs: a line may be valid JSON and still be damaged. */
function isWhole(event: RunEvent): boolean {
  if (typeof event.time !== "string") return false;
  if (event.type === "run-start") return true;
  if (typeof event.stage !== "string" || !Number.isSafeInteger(event.step)) return false;
  if (event.type === "step") {
    const { lossParts, seconds, bands = {}, memory = {} } = event;
    return [lossParts, seconds, bands, memory].every(isObject);
  }
  if (event.type === "validation") return isObject(event.losses);
  if (event.type === "plan") return isObject(event.plan);
  if (event.type === "activity") return typeof event.what === "string";
  if (event.type !== "sample") return true;
  return typeof event.file === "string" && Array.isArray(event.pictures ?? []);
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The values as numbers, including those that JSON cannot represent. */
function numbers<K extends string>(values: Readonly<Record<K, number>>): Record<K, number> {
  const entries = Object.entries(values).map(([name, value]) => [name, Number(value)]);
  return Object.fromEntries(entries) as Record<K, number>;
}
