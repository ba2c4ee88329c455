import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseConfigJson } from "../config/config-json.ts";
import { ConfigError, configFromJson, configToJson, type ResolvedConfig } from "../config/index.ts";
import type { Recipe } from "../config/load-config.ts";
import { makeFolderSync } from "../files/make-folder.ts";
import { replaceFileSync } from "../files/replace-file.ts";
import { EventLog } from "./event-log.ts";
import type { NewEvent } from "./events.ts";
import { RunLock } from "./run-lock.ts";
import { runReadme } from "./run-readme.ts";

const CONFIG_FILE = "config.json";
const CHECKPOINTS_FOLDER = "checkpoints";
const CACHE_FOLDER = "cache";
/** What the run's config file held when it began. */
const RECIPE_FILE = "recipe.json";

/** Where a run folder keeps its events, for those who only read. */
export const EVENTS_FILE = "events.jsonl";

/** There while a process writes a run folder. */
export const LOCK_FILE = "run.lock";

/** The folder of a run, held by the one process that writes it until it is disposed; others may follow it. */
export class RunFolder implements Disposable {
  readonly path: string;
  /** Folder of the sample sheets. */
  readonly samples: string;
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** Folder of the TensorBoard files. */
  readonly tensorboard: string;
  #config: ResolvedConfig;
  readonly #lock: RunLock | undefined;
  readonly #log: EventLog | undefined;

  private constructor(path: string, config: ResolvedConfig, lock?: RunLock) {
    this.path = path;
    this.#config = config;
    this.samples = join(path, "samples");
    this.checkpoints = join(path, CHECKPOINTS_FOLDER);
    this.tensorboard = join(path, "tensorboard");
    this.#lock = lock;
    if (lock === undefined) return;
    this.#log = new EventLog(join(path, EVENTS_FILE));
    for (const folder of [this.samples, this.checkpoints, this.tensorboard]) {
      makeFolderSync(folder);
    }
  }

  /**
   * Begins a run in a folder that is new or empty, and throws for any other: a new run never touches an old one.
   * @param resumeCommand the command that goes on with this run, for its README and for that error
   * @param recipe        what the config is made of, so that a resumed run can tell what has changed there since
   */
  static create(
    path: string,
    config: ResolvedConfig,
    resumeCommand: string,
    recipe?: Recipe,
  ): RunFolder {
    makeFolderSync(path);
    refuseContent(path, resumeCommand);
    return locked(path, (lock) => {
      refuseContent(path, resumeCommand); // somebody else's run may have begun and ended since
      replaceFileSync(join(path, CONFIG_FILE), configToJson(config));
      if (recipe !== undefined)
        replaceFileSync(join(path, RECIPE_FILE), `${JSON.stringify(recipe.value, null, 2)}\n`);
      replaceFileSync(join(path, "README.md"), runReadme(config.name, resumeCommand));
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
    return locked(path, (lock) => new RunFolder(path, readRunConfig(path), lock));
  }

  /** Opens a run that another process of the same run holds: to read its checkpoints and write nothing. */
  static follow(path: string): RunFolder {
    return new RunFolder(path, readRunConfig(path));
  }

  /** The config as the run uses it. */
  get config(): ResolvedConfig {
    return this.#config;
  }

  /** Goes on with a changed config, which is kept in the folder by the process that holds it. */
  changeConfig(config: ResolvedConfig): void {
    if (this.#lock !== undefined)
      replaceFileSync(join(this.path, CONFIG_FILE), configToJson(config));
    this.#config = config;
  }

  /** What the run's config file held when it began; undefined where that was not kept. */
  recipe(): unknown {
    const file = join(this.path, RECIPE_FILE);
    return existsSync(file) ? parseConfigJson(readFileSync(file, "utf8"), file) : undefined;
  }

  /** The sample sheet that was drawn last, of the last stage that has any. */
  newestSheet(): string | undefined {
    const names = existsSync(this.samples) ? readdirSync(this.samples).sort() : [];
    for (const { name } of [...this.#config.stages].reverse()) {
      const own = names.findLast(
        (file) => file.startsWith(`${name}-`) && SHEET_END.test(file.slice(name.length)),
      );
      if (own !== undefined) return join(this.samples, own);
    }
    return undefined;
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

/** What follows a stage's name in the name of a sheet. */
const SHEET_END = /^-\d{8}\.png$/;

/** Name of the sheet of a stage after some of its steps. */
export const sheetName = (stage: string, step: number): string =>
  `${stage}-${String(step).padStart(8, "0")}.png`;

/** Whether a folder is one that a run was written to, also where a part of it is gone. */
export const isRunFolder = (path: string): boolean =>
  existsSync(join(path, EVENTS_FILE)) ||
  (existsSync(join(path, CONFIG_FILE)) && existsSync(join(path, CHECKPOINTS_FOLDER)));

function requireRun(path: string): void {
  if (existsSync(join(path, CONFIG_FILE))) return;
  const reason = existsSync(path) ? `it has no ${CONFIG_FILE}` : "there is no such folder";
  throw new Error(`${path} is not a run folder: ${reason}`);
}

/** The config of a run folder. Throws where it is none. */
export function readRunConfig(path: string): ResolvedConfig {
  requireRun(path);
  const file = join(path, CONFIG_FILE);
  try {
    return configFromJson(readFileSync(file, "utf8"), file);
  } catch (error) {
    // Models have a file of this name too.
    if (!(error instanceof ConfigError) || isRunFolder(path)) throw error;
    throw new Error(`${path} is not a run folder: its ${CONFIG_FILE} is not the config of a run`, {
      cause: error,
    });
  }
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
