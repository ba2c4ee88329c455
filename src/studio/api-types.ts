/**
 * JSON exchanged between the page and the server. All paths are below `/api`; each needs a session cookie, or a key as for `/v1`.
 * Run ids are opaque. Times are ISO 8601, durations are in seconds, sizes in bytes.
 */

/** A loss and the step after which it was measured. */
export interface LossAt {
  readonly step: number;
  readonly loss: number;
}

/**
 * `finished`, `stopped`, `failed`: how it ended. `interrupted`: its process is gone. `elsewhere`: a process on another machine
 * writes it, and takes requests as others do.
 */
export type RunState =
  | "running"
  | "elsewhere"
  | "finished"
  | "stopped"
  | "failed"
  | "interrupted"
  | "unreadable";

/** What a run is doing now, if not a step: `encoding captions`, 120 of 6,000. */
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
  /** Mean of the last 50 steps, without those that had no finite loss. */
  readonly loss: number | null;
  readonly imagesPerSecond: number | null;
  readonly rollbacks: number;
}

/** A line of `GET /runs` → `{ runs: RunLine[], roots: string[] }`. */
export interface RunLine {
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  /**
   * Why it ended or can't be read; the process that writes it, if elsewhere. If a process started here failed to resume it, why:
   * the state is still the run's own.
   */
  readonly message: string | null;
  readonly begun: string | null;
  readonly ended: string | null;
  readonly stage: StageState | null;
  readonly stages: number;
  readonly activity: Activity | null;
  /** Until all stages are complete. */
  readonly secondsLeft: number | null;
  /** URL of the newest sheet's picture. */
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

/** A mark on the step axis. */
export interface Mark {
  readonly kind: "warning" | "rollback" | "resume" | "checkpoint" | "best";
  readonly stage: string;
  readonly step: number;
  readonly time: string;
  readonly text: string;
}

/** `GET /runs/{id}`; `latest` instead of an id is the run that started last, running ones first. */
export interface RunDetails extends RunLine {
  readonly all: readonly StageState[];
  /** A sentence on whether it is learning. */
  readonly verdict: string;
  readonly checkpoints: readonly CheckpointLine[];
  readonly marks: readonly Mark[];
  /** As written. */
  readonly config: unknown;
  /** How it differs from the recipe: path, the recipe's value, the run's. */
  readonly differences: readonly {
    readonly path: string;
    readonly from: unknown;
    readonly to: unknown;
  }[];
  /** The plan reported before step 1; null for runs that recorded none. */
  readonly plan: unknown;
  /** Device, versions, command and working directory; null for runs that recorded none. */
  readonly facts: RunFacts | null;
  /** Time by activity: data, forward, backward, optimizer, saving, … Empty before the first step. */
  readonly time: readonly { readonly what: string; readonly seconds: number }[];
  /** The command to resume in a terminal. */
  readonly resumeCommand: string | null;
  /** Whether this session can control it: see {@link SessionState}. */
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
 * `GET /runs/{id}/series?stage=&keys=loss,heldout,gradNorm,lr,imagesPerSecond,memory&from=&to=&points=1000`: columns of equal
 * length per key; with more steps than points, each bucket's mean, minimum and maximum. Keys `heldout` and `train` are
 * validations, `heldout/0-249` is one of their bands.
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
  /** Seconds of training elapsed at some of the steps, and pictures seen per step: for a time or epoch axis. */
  readonly seconds: readonly number[];
  readonly secondsAt: readonly number[];
  readonly imagesPerStep: number | null;
  readonly epochImages: number | null;
}

export interface SamplePicture {
  /** URL; `?w=256` gives a smaller picture. */
  readonly url: string;
  readonly prompt: string;
  readonly seed: number | null;
}

/** `GET /runs/{id}/samples?stage=` → `{ samples: SampleSet[] }`, oldest first. */
export interface SampleSet {
  readonly stage: string;
  readonly step: number;
  readonly sheet: string;
  /** Empty for runs of older versions, which wrote only the sheet. */
  readonly pictures: readonly SamplePicture[];
}

/** `GET /runs/{id}/worst?stage=&count=24` → `{ pictures: WorstPicture[], reason: string | null }`. */
export interface WorstPicture {
  readonly name: string;
  readonly caption: string;
  readonly loss: number;
  /** By how many standard deviations its losses are above the usual ones, in the mean: the order of the list. */
  readonly score: number;
  readonly seen: number;
  /** Null if the data set is not available. */
  readonly url: string | null;
}

/**
 * `GET /runs/{id}/log?after=0&source=`: whole lines from that byte on, at most a thousand, the newest; `next` is where the
 * following lines start in `source`. If another file has taken its place, as when a run gets its folder, they are that file's,
 * from its start. If a process started here failed without a word in the run's log, its output follows that log.
 */
export interface LogPart {
  readonly lines: readonly string[];
  readonly next: number;
  /** Stands for the file that was read, and changes with it; empty without a file. */
  readonly source: string;
}

/** `GET /compare?a=&b=`. The page requests the series of both separately. */
export interface Comparison {
  readonly a: RunLine;
  readonly b: RunLine;
  readonly differences: readonly {
    readonly path: string;
    readonly a: unknown;
    readonly b: unknown;
  }[];
}

/** Run events sent as they are in the journal. */
export type PlacedEvent =
  | "validation"
  | "sample"
  | "checkpoint"
  | "warning"
  | "rollback"
  | "run-end";

/** The run, stage and step at which an event happened. */
export interface Placed {
  readonly id: string;
  readonly stage: string;
  readonly step: number;
}

/**
 * `GET /events?runs=ID,ID`: one stream per tab. Events by name: `runs` (the list changed: request it again), `run` (`{id, line:
 * RunLine}`), `step` (`{id, stage, step, loss, gradNorm, lr, imagesPerSecond}`, at most 2 a second per run, the newest),
 * `validation`, `sample`, `checkpoint`, `warning`, `rollback`, `run-end` (each `{id, …the event}`), `drawing` (queue), `models` (one
 * was loaded: request their list again), and a comment every 10 s.
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
  readonly models: Record<string, never>;
}

/** `POST /runs/{id}/control` with `{ do }` → 202, wherever the run's process is. `stop` saves first. */
export type ControlRequest = { readonly do: "stop" | "save" | "sample" };

/**
 * `POST /runs/{id}/resume` → 202 `{ id }`. `POST /runs/{id}/publish` with `{ name }` → 202 `{ job }`; its events are those of a
 * check.
 */

/** What to fine-tune a folder of pictures for. */
export type Goal = "style" | "subject" | "full";

/** `GET /starts`: the choices for a new run. */
export interface Starts {
  readonly bases: readonly {
    readonly name: string;
    readonly text: string;
    readonly resolution: number;
  }[];
  readonly recipes: readonly { readonly name: string; readonly text: string }[];
  readonly goals: readonly { readonly goal: Goal; readonly title: string; readonly text: string }[];
  /** Folders that may contain data. */
  readonly dataRoots: readonly string[];
}

/**
 * `GET /folders?path=` → `{ path, parent, folders: string[], pictures: number }`; only below the data roots. `folders` are names;
 * without a path they are the data roots' paths, and `path` is empty. `parent` is null for a data root.
 */

/**
 * `POST /data/check` with `{ folder, base? }` (whose tokens and size count; by default the first of the bases) → 202 `{ job }`;
 * `GET /jobs/{job}` → this.
 */
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
  /** The part of the caption beyond what the text encoder accepts. Null if nothing is cut. */
  readonly cut: string | null;
}

export interface DataReport {
  readonly folder: string;
  /** The base that the pictures were checked for, and its side in pixels; 0 if unknown. */
  readonly base: string;
  readonly resolution: number;
  readonly pictures: number;
  readonly captioned: number;
  /** Pictures with a caption that is cut; null if the base's tokenizer is not on this machine. */
  readonly cut: number | null;
  /** How many there are of what the lists below begin with; of doubles, the groups. */
  readonly totals: {
    readonly unreadable: number;
    readonly tooSmall: number;
    readonly doubles: number;
  };
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  readonly tooSmall: readonly DataPicture[];
  readonly doubles: readonly (readonly DataPicture[])[];
  readonly shapes: readonly {
    readonly width: number;
    readonly height: number;
    readonly pictures: number;
  }[];
  /** The first few. */
  readonly shown: readonly DataPicture[];
}

/** Body of `POST /runs`. `dry` → 200 {@link StartPlan}; else 202 `{ id }`, and the run outlives the server. */
export interface StartRequest {
  readonly name: string;
  readonly folder: string;
  readonly base: string;
  readonly goal: Goal;
  /** Maximum duration. */
  readonly minutes: number;
  /** The word for the style or subject in captions; derived from the folder's name if omitted. */
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
  /** Why it can't be started; empty if it can. */
  readonly problems: readonly string[];
  /** What to know before it is started, such as pictures without captions. */
  readonly warnings: readonly string[];
  /** The equivalent command. */
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
  /** The caller's own jobs. */
  readonly queue: readonly {
    readonly id: string;
    readonly prompt: string;
    readonly state: string;
    readonly step: number;
    readonly steps: number;
  }[];
  /** Number of other callers' jobs. */
  readonly otherJobs: number;
  /** Output of `pixart doctor`. */
  readonly doctor: string | null;
}

/**
 * Session: the terminal prints `http://HOST:PORT/#k=KEY`; the page posts `{ key }` to `POST /session` and gets an HttpOnly,
 * SameSite=Strict cookie. `GET /session` → this, or 401 without a cookie. A session with a view key can't change anything.
 * Drawing uses `/v1/images/…` and `/v1/jobs/…` with the same cookie.
 */
export interface SessionState {
  /** With a full-access key. */
  readonly canDraw: boolean;
  /** Whether runs' checkpoints are among the models that it may draw with. */
  readonly canDrawRuns: boolean;
  /** Whether it may check data, and start, change and publish runs: the same, unless the server is read-only. */
  readonly canControl: boolean;
  /** Whether the server requires a key, which programs without this session must send. */
  readonly needsKey: boolean;
}

/**
 * `GET /models` → `{ models: DrawModel[] }`: the models available for drawing: served models, and runs' checkpoints, which are
 * loaded on first use.
 */
export interface DrawModel {
  readonly id: string;
  readonly label: string;
  /** A checkpoint's run, stage and step, of a run from the newest: two stages may have the same step. Null for other models. */
  readonly run: string | null;
  readonly stage: string | null;
  readonly step: number | null;
  readonly resolution: number | null;
  /** Whether the server is still loading it at its start, and can't draw with it yet: a `models` event tells when it can. */
  readonly isLoading: boolean;
  /** What it draws with unless told otherwise; null until it has been loaded once. */
  readonly steps: number | null;
  readonly guidanceScale: number | null;
  readonly schedulers: readonly string[];
  /** Names of adapters that can be used with it. */
  readonly adapters: readonly string[];
}
