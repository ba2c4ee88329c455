import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseConfigJson } from "../../config/config-json.ts";
import {
  ConfigError,
  configFromJson,
  configToJson,
  type ResolvedConfig,
} from "../../config/index.ts";
import type { Recipe } from "../../config/load-config.ts";
import { RunError, TargetExistsError } from "../../errors/index.ts";
import type { FileLock } from "../../files/locks/file-lock.ts";
import { makeBelow } from "../../files/make-below.ts";
import { makeFolderSync } from "../../files/make-folder.ts";
import { OpenFolder } from "../../files/open-folder.ts";
import { removeFileSync } from "../../files/remove.ts";
import { replaceFileSync } from "../../files/replace-file.ts";
import { EventLog } from "./event-log.ts";
import type { NewEvent } from "./events.ts";
import { CONFIG_FILE, isOwnLeftover, README_FILE, RECIPE_FILE } from "./run-files.ts";
import { readIdentity, writeIdentity } from "./run-identity.ts";
import { acquireRunLock, describeLoss } from "./run-lock.ts";
import { RunLostError } from "./run-lost-error.ts";
import { runReadme } from "./run-readme.ts";

/** Where a run folder keeps the checkpoints of its stages. */
export const CHECKPOINTS_FOLDER = "checkpoints";
const SAMPLES_FOLDER = "samples";
const CACHE_FOLDER = "cache";
/** Where a run folder keeps its events, for those who only read. */
export const EVENTS_FILE = "events.jsonl";

/** There while a process writes a run folder. */
export const LOCK_FILE = "run.lock";

/** What a run begins with beside its config. */
interface CreateOptions {
  /** What the config is made of, so that a resumed run can tell what has changed there since. */
  readonly recipe?: Recipe | undefined;
  /** Lines for people. */
  readonly say?: (line: string) => void;
}

/** What a process has that writes a run folder. */
interface Held {
  readonly lock: FileLock;
  readonly log: EventLog;
}

/** The folder of a run, held by the one process that writes it until it is disposed; others may follow it. */
export class RunFolder implements Disposable {
  readonly path: string;
  /** Folder of the sample sheets, and below it of single samples. */
  readonly samples: string;
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** Folder of the TensorBoard files. */
  readonly tensorboard: string;
  #config: ResolvedConfig;
  readonly #folder: OpenFolder;
  readonly #held: Held | undefined;

  private constructor(folder: OpenFolder, config: ResolvedConfig, lock?: FileLock) {
    const { path } = folder;
    this.path = path;
    this.#folder = folder;
    this.#config = config;
    this.samples = join(path, SAMPLES_FOLDER);
    this.checkpoints = join(path, CHECKPOINTS_FOLDER);
    this.tensorboard = join(path, "tensorboard");
    if (lock === undefined) return;
    this.#held = { lock, log: new EventLog(join(path, EVENTS_FILE)) };
    for (const folder of [this.samples, this.checkpoints, this.tensorboard])
      makeBelow(path, basename(folder));
  }

  /**
   * Begins a run in a folder that is new or empty, and throws for any other: a new run never touches an old one.
   * @param resumeCommand the command that goes on with this run, for its README and for that error
   */
  static async create(
    path: string,
    config: ResolvedConfig,
    resumeCommand: string,
    { recipe, say = () => {} }: CreateOptions = {},
  ): Promise<RunFolder> {
    makeFolderSync(path);
    refuseContent(path, resumeCommand);
    return locked(path, say, (folder, lock) => {
      refuseContent(path, resumeCommand); // somebody else's run may have begun and ended since
      for (const name of readdirSync(path).filter(isOwnLeftover)) removeFileSync(join(path, name));
      const text = configToJson(config);
      replaceFileSync(join(path, CONFIG_FILE), text);
      writeIdentity(path, randomUUID(), text);
      if (recipe !== undefined)
        replaceFileSync(join(path, RECIPE_FILE), `${JSON.stringify(recipe.value, null, 2)}\n`);
      replaceFileSync(join(path, README_FILE), runReadme(config.name, resumeCommand));
      return new RunFolder(folder, config, lock);
    });
  }

  /** Throws as {@link create} would, and makes nothing. */
  static requireNew(path: string, resumeCommand: string): void {
    if (existsSync(path)) refuseContent(path, resumeCommand);
  }

  /** Opens a run to go on with it. Throws where the folder holds none, or another process writes it. */
  static async open(path: string, say: (line: string) => void = () => {}): Promise<RunFolder> {
    requireRun(path); // a lock can only be made where there is a folder
    return locked(path, say, (folder, lock) => new RunFolder(folder, readRunConfig(path), lock));
  }

  /** Opens a run that another process of the same run holds: to read its checkpoints and write nothing. */
  static follow(path: string): RunFolder {
    const config = readRunConfig(path);
    return new RunFolder(new OpenFolder(path), config);
  }

  /** The config as the run uses it. */
  get config(): ResolvedConfig {
    return this.#config;
  }

  /** Goes on with a changed config, which is kept in the folder by the process that holds it. */
  changeConfig(config: ResolvedConfig): void {
    if (this.#held !== undefined) {
      this.requireHeld();
      const text = configToJson(config);
      const { id } = this;
      // First: a config that is still the old one differs from no checkpoint, so that nobody is said to have changed it.
      if (id !== undefined) writeIdentity(this.path, id, text);
      replaceFileSync(join(this.path, CONFIG_FILE), text);
    }
    this.#config = config;
  }

  /** What the run's config file held when it began; undefined where that was not kept. */
  recipe(): unknown {
    const file = join(this.path, RECIPE_FILE);
    return existsSync(file) ? parseConfigJson(readFileSync(file, "utf8"), file) : undefined;
  }

  /** What tells this run from all others; undefined where an earlier release began it. Throws BadFileError. */
  get id(): string | undefined {
    return readIdentity(this.path)?.id;
  }

  /** Gives a run an identity that has none. */
  identify(id: string): void {
    this.requireHeld();
    writeIdentity(this.path, id);
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

  /**
   * Throws RunLostError where this process may not write here any more: the folder was moved or removed, or another process has
   * taken it over. One that only follows the run asks whether the folder is in its place.
   */
  requireHeld(): void {
    const reason = this.lossReason();
    if (reason !== undefined) throw new RunLostError(reason);
  }

  /** Why this process may not write here any more; undefined where it may. */
  lossReason(): string | undefined {
    const moved = moveOf(this.#folder);
    if (moved !== undefined || this.#isHeldAt(this.path)) return moved;
    return describeLoss(join(this.path, LOCK_FILE));
  }

  /** Where the folder is now; undefined where it was removed or taken over. */
  place(): string | undefined {
    const place = this.#folder.place();
    return place !== undefined && this.#isHeldAt(place) ? place : undefined;
  }

  /** Whether it is still this process's, or it is another's that this one follows. */
  #isHeldAt(place: string): boolean {
    return this.#held?.lock.isHeld(join(place, LOCK_FILE)) ?? true;
  }

  /** Adds an event to `events.jsonl`; nothing where another process holds the folder. Throws RunLostError. */
  append(event: NewEvent): void {
    this.requireHeld();
    this.#held?.log.append(event);
  }

  /** Adds the last event, also where the folder was moved; nothing where it was removed or taken over. */
  appendLast(event: NewEvent): void {
    if (this.place() !== undefined) this.#held?.log.append(event);
  }

  /** Lets go of the folder. */
  [Symbol.dispose](): void {
    this.#held?.log[Symbol.dispose]();
    this.#held?.lock.release(join(this.#folder.place() ?? this.path, LOCK_FILE));
    this.#folder[Symbol.dispose]();
  }
}

/** What follows a stage's name in the name of a sheet. */
const SHEET_END = /^-\d{8}\.png$/;

/** Name of the sheet of a stage after some of its steps. */
export const sheetName = (stage: string, step: number): string =>
  `${stage}-${String(step).padStart(8, "0")}.png`;

/** Names of the folders, one in the other, in a run's, that hold what was drawn after a step of a stage. */
export const sampleFolder = (stage: string, step: number): [string, string, string] => [
  SAMPLES_FOLDER,
  stage,
  String(step).padStart(8, "0"),
];

/** Whether a folder is one that a run was written to, also where a part of it is gone. */
export const isRunFolder = (path: string): boolean =>
  existsSync(join(path, EVENTS_FILE)) ||
  (existsSync(join(path, CONFIG_FILE)) && existsSync(join(path, CHECKPOINTS_FOLDER)));

function requireRun(path: string): void {
  if (existsSync(join(path, CONFIG_FILE))) return;
  const reason = existsSync(path) ? `it has no ${CONFIG_FILE}` : "there is no such folder";
  throw new RunError("ERR_NO_RUN", `${path} is not a run folder: ${reason}`);
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
    throw new RunError(
      "ERR_NO_RUN",
      `${path} is not a run folder: its ${CONFIG_FILE} is not the config of a run`,
      { cause: error },
    );
  }
}

/** Takes the lock for what `open` makes; gives it back where that fails. */
async function locked(
  path: string,
  say: (line: string) => void,
  open: (folder: OpenFolder, lock: FileLock) => RunFolder,
): Promise<RunFolder> {
  const folder = new OpenFolder(path);
  try {
    const lock = await acquireRunLock(join(path, LOCK_FILE), { say });
    try {
      return open(folder, lock);
    } catch (error) {
      lock.release(join(folder.place() ?? path, LOCK_FILE));
      throw error;
    }
  } catch (error) {
    const moved = moveOf(folder);
    folder[Symbol.dispose]();
    throw moved === undefined ? error : new RunLostError(moved, { cause: error });
  }
}

/** Where a run folder has gone to; undefined where it is in its place. */
function moveOf(folder: OpenFolder): string | undefined {
  if (folder.isInPlace()) return undefined;
  const place = folder.place();
  return place === undefined
    ? `The run folder ${folder.path} is no longer there`
    : `The run folder ${folder.path} was moved to ${place}`;
}

function refuseContent(path: string, resumeCommand: string): void {
  // Features may have been made before the run; and a process may have been killed before it had begun.
  const names = readdirSync(path).filter(
    (name) => !name.startsWith(LOCK_FILE) && name !== CACHE_FOLDER && !isOwnLeftover(name),
  );
  if (names.length === 0) return;
  const [found, advice] = names.includes(CONFIG_FILE)
    ? ["a run", `To go on with that run: ${resumeCommand}\nTo begin another one, choose`]
    : [names.slice(0, 3).join(", "), "Choose"];
  throw new TargetExistsError(
    `Expected a new or empty folder for the run but received ${path}, which holds ${found}. ${advice} another folder with --work-dir.`,
  );
}
