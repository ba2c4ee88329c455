/**
 * What the page and the server say to each other, as JSON. All paths are below `/api`; a session's cookie, or a key as for `/v1`, is
 * needed for each. Run ids are opaque. Times are ISO 8601, seconds are seconds, sizes bytes.
 */

/** A loss and the step that it was measured after. */
export interface LossAt {
  readonly step: number;
  readonly loss: number;
}

/** `finished`, `stopped`, `failed`: it ended so. `broken off`: its process is gone. `elsewhere`: a process of another machine writes it. */
export type RunState =
  | "running"
  | "elsewhere"
  | "finished"
  | "stopped"
  | "failed"
  | "broken off"
  | "unreadable";

/** What a run does now, where it is no step: `encoding captions`, 120 of 6,000. */
export interface Activity {
  readonly what: string;
  readonly done: number | null;
  readonly total: number | null;
  readonly since: string;
}

export interface StageState {
  readonly stage: string;
  readonly kind: string;
  readonly step: number;
  readonly steps: number;
  readonly heldout: LossAt | null;
  readonly lowestHeldout: LossAt | null;
  /** Mean of the last 50 steps. */
  readonly loss: number | null;
  readonly imagesPerSecond: number | null;
  readonly rollbacks: number;
}

/** A line of `GET /runs` → `{ runs: RunLine[], roots: string[], canControl: boolean }`. */
export interface RunLine {
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  /** Why it ended or can't be read; where it runs, if elsewhere. */
  readonly message: string | null;
  readonly begun: string | null;
  readonly ended: string | null;
  readonly stage: StageState | null;
  readonly stages: number;
  readonly activity: Activity | null;
  /** Until all stages are done. */
  readonly secondsLeft: number | null;
  /** Address of the newest sheet's picture. */
  readonly sheet: string | null;
}

export interface CheckpointLine {
  readonly stage: string;
  readonly step: number;
  readonly name: string;
  readonly bytes: number;
  readonly saved: string;
  readonly isBest: boolean;
}

/** A mark on the axis of steps. */
export interface Mark {
  readonly kind: "warning" | "rollback" | "resume" | "checkpoint" | "best";
  readonly stage: string;
  readonly step: number;
  readonly time: string;
  readonly text: string;
}

/** `GET /runs/{id}`; `latest` in place of the id is the one that was begun last, a running one first. */
export interface RunDetails extends RunLine {
  readonly all: readonly StageState[];
  /** A sentence: whether it learns. */
  readonly verdict: string;
  readonly checkpoints: readonly CheckpointLine[];
  readonly marks: readonly Mark[];
  /** As it was written. */
  readonly config: unknown;
  /** What of it differs from the recipe: path, the recipe's value, the run's. */
  readonly differences: readonly {
    readonly path: string;
    readonly from: unknown;
    readonly to: unknown;
  }[];
  /** What was told before step 1; null for runs that wrote none. */
  readonly plan: unknown;
  /** Device, versions, command and folder that it was started with; null for runs that wrote none. */
  readonly facts: RunFacts | null;
  /** Where its time went: data, forward, backward, optimizer, saving, … Empty before the first step. */
  readonly time: readonly { readonly what: string; readonly seconds: number }[];
  /** How to go on from a terminal. */
  readonly resumeCommand: string | null;
  readonly canControl: boolean;
}

export interface RunFacts {
  readonly device: string;
  readonly host: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly argv: readonly string[];
  readonly cwd: string;
}

/**
 * `GET /runs/{id}/series?stage=&keys=loss,heldout,gradNorm,lr,imagesPerSecond,memory&from=&to=&points=1000`: columns of equal length a key;
 * where there are more steps than points, a bucket's mean with its least and greatest. Keys `heldout` and `train` are of validations,
 * `heldout/0-249` one band of them.
 */
export interface Series {
  readonly stage: string;
  readonly keys: Readonly<
    Record<
      string,
      {
        readonly step: readonly number[];
        readonly mean: readonly number[];
        readonly min: readonly number[];
        readonly max: readonly number[];
      }
    >
  >;
  /** Seconds of training at some of the steps, and pictures seen a step: for an axis of time or epochs. */
  readonly seconds: readonly number[];
  readonly secondsAt: readonly number[];
  readonly imagesPerStep: number | null;
  readonly epochImages: number | null;
}

export interface SamplePicture {
  /** Address; `?w=256` gives a smaller one. */
  readonly url: string;
  readonly prompt: string;
  readonly seed: number | null;
}

/** `GET /runs/{id}/samples?stage=` → `{ samples: SampleSet[] }`, oldest first. */
export interface SampleSet {
  readonly stage: string;
  readonly step: number;
  readonly sheet: string;
  /** None for runs of older versions, which wrote the sheet alone. */
  readonly pictures: readonly SamplePicture[];
}

/** `GET /runs/{id}/worst?stage=&count=24` → `{ pictures: WorstPicture[], reason: string | null }`. */
export interface WorstPicture {
  readonly name: string;
  readonly caption: string;
  readonly loss: number;
  readonly seen: number;
  /** Null where the data set is not there. */
  readonly url: string | null;
}

/** `GET /runs/{id}/log?after=0`: whole lines from that byte on, at most a thousand, the newest; `next` is where the following ones begin. */
export interface LogPart {
  readonly lines: readonly string[];
  readonly next: number;
}

/** `GET /compare?a=&b=`. The page asks for the series of both by themselves. */
export interface Comparison {
  readonly a: RunLine;
  readonly b: RunLine;
  readonly differences: readonly {
    readonly path: string;
    readonly a: unknown;
    readonly b: unknown;
  }[];
}

/** Events of a run that come as they are in its journal. */
export type PlacedEvent =
  | "validation"
  | "sample"
  | "checkpoint"
  | "warning"
  | "rollback"
  | "run-end";

/** Where in which run an event happened. */
export interface Placed {
  readonly id: string;
  readonly stage: string;
  readonly step: number;
}

/**
 * `GET /events?runs=ID,ID`: one stream a tab. Events by name: `runs` (the list changed: ask again), `run` (`{id, line: RunLine}`), `step`
 * (`{id, stage, step, loss, gradNorm, lr, imagesPerSecond}`, at most 4 a second a run, the newest), `validation`, `sample`, `checkpoint`,
 * `warning`, `rollback`, `run-end` (each `{id, …the event}`), `drawing` (queue), and a comment every 10 s.
 */
export interface StreamEvents extends Record<PlacedEvent, Placed> {
  readonly runs: Record<string, never>;
  readonly run: { readonly id: string; readonly line: RunLine };
  readonly step: {
    readonly id: string;
    readonly stage: string;
    readonly step: number;
    readonly loss: number;
    readonly gradNorm: number;
    readonly lr: number;
    readonly imagesPerSecond: number;
  };
  readonly drawing: { readonly waiting: number; readonly running: number };
}

/** `POST /runs/{id}/control` with `{ do }` → 202. `stop` saves first. */
export type ControlRequest = { readonly do: "stop" | "save" | "sample" };

/** `POST /runs/{id}/resume` → 202 `{ id }`. `POST /runs/{id}/publish` with `{ name }` → 202 `{ job }`; its events are those of a check. */

/** What a person wants of a folder of pictures. */
export type Goal = "style" | "subject" | "full";

/** `GET /starts`: what a run can begin from. */
export interface Starts {
  readonly bases: readonly {
    readonly name: string;
    readonly text: string;
    readonly resolution: number;
  }[];
  readonly recipes: readonly { readonly name: string; readonly text: string }[];
  readonly goals: readonly { readonly goal: Goal; readonly title: string; readonly text: string }[];
  /** Folders that data may lie in. */
  readonly dataRoots: readonly string[];
}

/** `GET /folders?path=` → `{ path, parent, folders: string[], pictures: number }`; only below the data roots. */

/** `POST /data/check` with `{ folder }` → 202 `{ job }`; `GET /jobs/{job}` → this. */
export interface CheckState {
  readonly state: "running" | "done" | "failed";
  readonly done: number;
  readonly total: number | null;
  readonly message: string | null;
  readonly report: DataReport | null;
}

export interface DataPicture {
  readonly name: string;
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly caption: string;
  /** What of the caption is lost: it is longer than the text encoder takes. Null where nothing is. */
  readonly cut: string | null;
}

export interface DataReport {
  readonly folder: string;
  readonly pictures: number;
  readonly captioned: number;
  readonly cut: number;
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  readonly tooSmall: readonly DataPicture[];
  readonly doubles: readonly (readonly DataPicture[])[];
  readonly shapes: readonly {
    readonly width: number;
    readonly height: number;
    readonly pictures: number;
  }[];
  /** The first ones. */
  readonly shown: readonly DataPicture[];
}

/** `POST /runs` with this. `dry` → 200 {@link StartPlan}; else 202 `{ id }`, and the run outlives the server. */
export interface StartRequest {
  readonly name: string;
  readonly folder: string;
  readonly base: string;
  readonly goal: Goal;
  /** How long it may take. */
  readonly minutes: number;
  /** The word that stands for the style or thing in captions; drawn from the folder's name where left out. */
  readonly word?: string;
  readonly overrides?: Readonly<Record<string, string>>;
  readonly dry: boolean;
}

export interface StartPlan {
  readonly lines: readonly string[];
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly seconds: number | null;
  readonly steps: number;
  readonly problems: readonly string[];
  /** The command that does the same. */
  readonly command: string;
}

/** `GET /system`. */
export interface SystemState {
  readonly version: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly memory: { readonly total: number; readonly free: number; readonly server: number };
  readonly disk: readonly {
    readonly path: string;
    readonly free: number;
    readonly total: number;
  }[];
  readonly models: readonly {
    readonly id: string;
    readonly name: string;
    readonly isLoaded: boolean;
    readonly bytes: number | null;
  }[];
  readonly queue: readonly {
    readonly id: string;
    readonly prompt: string;
    readonly state: string;
    readonly step: number;
    readonly steps: number;
  }[];
  /** Text of `pixart doctor`. */
  readonly doctor: string | null;
  readonly canControl: boolean;
}

/**
 * Session: the terminal prints `http://HOST:PORT/#k=KEY`; the page posts `{ key }` to `POST /session` and gets an HttpOnly, SameSite=Strict
 * cookie. `GET /session` → this, without a cookie 401. A view key's session can't control. Drawing goes to `/v1/images/…` and `/v1/jobs/…` with
 * the same cookie.
 */
export interface SessionState {
  readonly canControl: boolean;
}

/** `GET /models`: what the page can draw with: served models, and runs' checkpoints, which load when they are first asked for. */
export interface DrawModel {
  readonly id: string;
  readonly label: string;
  readonly run: string | null;
  readonly step: number | null;
  readonly resolution: number | null;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly schedulers: readonly string[];
  /** Names of adapters that it can be drawn with. */
  readonly adapters: readonly string[];
}
