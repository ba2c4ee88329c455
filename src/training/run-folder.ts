import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { configFromJson, configToJson, type ResolvedConfig } from "../config/index.ts";
import { BadFileError } from "../weights/errors.ts";
import { EventLog } from "./event-log.ts";
import type { NewEvent } from "./events.ts";
import { RunLock } from "./run-lock.ts";
import { runReadme } from "./run-readme.ts";

const CONFIG_FILE = "config.json";
const CACHE_FOLDER = "cache";

/** Where a run folder keeps its events, for those who only read. */
export const EVENTS_FILE = "events.jsonl";

/** There while a process writes a run folder. */
export const LOCK_FILE = "run.lock";

/** The folder of a run, held by the one process that writes it until it is disposed; others may follow it. */
export class RunFolder implements Disposable {
  readonly path: string;
  /** The config as the run uses it. */
  readonly config: ResolvedConfig;
  /** Folder of the sample sheets. */
  readonly samples: string;
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** Folder of the TensorBoard files. */
  readonly tensorboard: string;
  readonly #lock: RunLock | undefined;
  readonly #log: EventLog | undefined;

  private constructor(path: string, config: ResolvedConfig, lock?: RunLock) {
    this.path = path;
    this.config = config;
    this.samples = join(path, "samples");
    this.checkpoints = join(path, "checkpoints");
    this.tensorboard = join(path, "tensorboard");
    this.#lock = lock;
    if (lock === undefined) return;
    this.#log = new EventLog(join(path, EVENTS_FILE));
    for (const folder of [this.samples, this.checkpoints, this.tensorboard]) {
      mkdirSync(folder, { recursive: true });
    }
  }

  /**
   * Begins a run in a folder that is new or empty, and throws for any other: a new run never touches an old one.
   * @param resumeCommand the command that goes on with this run, for its README and for that error
   */
  static create(path: string, config: ResolvedConfig, resumeCommand: string): RunFolder {
    mkdirSync(path, { recursive: true });
    refuseContent(path, resumeCommand);
    return locked(path, (lock) => {
      refuseContent(path, resumeCommand); // somebody else's run may have begun and ended since
      writeFileAtomic.sync(join(path, CONFIG_FILE), configToJson(config));
      writeFileAtomic.sync(join(path, "README.md"), runReadme(config.name, resumeCommand));
      return new RunFolder(path, config, lock);
    });
  }

  /** Throws as {@link create} would, and makes nothing. */
  static requireNew(path: string, resumeCommand: string): void {
    if (existsSync(path)) refuseContent(path, resumeCommand);
  }

  /** Opens a run to go on with it. Throws where the folder holds none, or another process writes it. */
  static open(path: string): RunFolder {
    requireRun(path); // a lock can only be made where there is a folder
    return locked(path, (lock) => new RunFolder(path, readConfig(path), lock));
  }

  /** Opens a run that another process of the same run holds: to read its checkpoints and write nothing. */
  static follow(path: string): RunFolder {
    return new RunFolder(path, readConfig(path));
  }

  /** Adds an event to `events.jsonl`; nothing where another process holds the folder. */
  append(event: NewEvent): void {
    this.#log?.append(event);
  }

  /** Lets go of the folder. */
  [Symbol.dispose](): void {
    this.#log?.[Symbol.dispose]();
    this.#lock?.[Symbol.dispose]();
  }
}

function requireRun(path: string): void {
  if (existsSync(join(path, CONFIG_FILE))) return;
  throw new BadFileError(path, CONFIG_FILE, "the config of a run", "nothing");
}

function readConfig(path: string): ResolvedConfig {
  requireRun(path);
  const file = join(path, CONFIG_FILE);
  return configFromJson(readFileSync(file, "utf8"), file);
}

/** Takes the lock for what `open` makes; gives it back where that fails. */
function locked(path: string, open: (lock: RunLock) => RunFolder): RunFolder {
  const lock = RunLock.acquire(join(path, LOCK_FILE));
  try {
    return open(lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function refuseContent(path: string, resumeCommand: string): void {
  // Features may have been made before the run.
  const names = readdirSync(path).filter(
    (name) => !name.startsWith(LOCK_FILE) && name !== CACHE_FOLDER,
  );
  if (names.length === 0) return;
  const [found, advice] = names.includes(CONFIG_FILE)
    ? ["a run", `To go on with that run: ${resumeCommand}\nTo begin another one, choose`]
    : [names.slice(0, 3).join(", "), "Choose"];
  throw new Error(
    `Expected a new or empty folder for the run but received ${path}, which holds ${found}. ${advice} another folder with --work-dir.`,
  );
}
