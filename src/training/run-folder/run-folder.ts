import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
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
import {
  CHECKPOINTS_FOLDER,
  CONFIG_FILE,
  isOwnLeftover,
  README_FILE,
  RECIPE_FILE,
} from "./run-files.ts";
import { readIdentity, writeIdentity } from "./run-identity.ts";
import { acquireRunLock, describeLoss } from "./run-lock.ts";
import { RunLostError } from "./run-lost-error.ts";
import { runReadme } from "./run-readme.ts";

const SAMPLES_FOLDER = "samples";
const CACHE_FOLDER = "cache";
/** The event log in a run folder, for readers. */
export const EVENTS_FILE = "events.jsonl";

/** Exists while a process writes a run folder. */
export const LOCK_FILE = "run.lock";

/** Contents of a new run besides its config. */
interface CreateOptions {
  /** The source of the config, so that a resumed run can report later changes to it. */
  readonly recipe?: Recipe | undefined;
  /** Prints a line for the user. */
  readonly say?: (line: string) => void;
}

/** Held by the process that writes a run folder. */
interface Held {
  readonly lock: FileLock;
  readonly log: EventLog;
}

/** The folder of a run, held until disposed by the one process that writes it; other processes may follow it. */
export class RunFolder implements Disposable {
  readonly path: string;
  /** Folder of the sample sheets; single samples are in folders below it. */
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
   * Starts a run in a new or empty folder. Throws for any other folder: a new run never touches an old one.
   * @param resumeCommand the command that resumes this run, for its README and for that error
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
      refuseContent(path, resumeCommand); // another run may have started and ended here in the meantime
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

  /** Whether {@link create} accepts a place: a new or empty folder, or one that a run left before it began. */
  static isNew(path: string): boolean {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined || (found.isDirectory() && contentOf(path).length === 0);
  }

  /** Throws like {@link create}, but creates nothing. */
  static requireNew(path: string, resumeCommand: string): void {
    if (existsSync(path)) refuseContent(path, resumeCommand);
  }

  /** Opens a run in order to resume it. Throws if the folder is not a run, or if another process writes it. */
  static async open(path: string, say: (line: string) => void = () => {}): Promise<RunFolder> {
    requireRun(path); // the lock can only be created in an existing folder
    return locked(path, say, (folder, lock) => new RunFolder(folder, readRunConfig(path), lock));
  }

  /** Opens a run that another process of the same run holds, to read its checkpoints; writes nothing. */
  static follow(path: string): RunFolder {
    const config = readRunConfig(path);
    return new RunFolder(new OpenFolder(path), config);
  }

  /** The config that the run uses. */
  get config(): ResolvedConfig {
    return this.#config;
  }

  /** Continues with a changed config; the process that holds the folder writes it there. */
  changeConfig(config: ResolvedConfig): void {
    if (this.#held !== undefined) {
      this.requireHeld();
      const text = configToJson(config);
      const { id } = this;
      // Written first: if the config stays the old one, it still matches all checkpoints, so no manual edit is reported.
      if (id !== undefined) writeIdentity(this.path, id, text);
      replaceFileSync(join(this.path, CONFIG_FILE), text);
    }
    this.#config = config;
  }

  /** The run's config file as it was at the start; undefined if it was not kept. */
  recipe(): unknown {
    const file = join(this.path, RECIPE_FILE);
    return existsSync(file) ? parseConfigJson(readFileSync(file, "utf8"), file) : undefined;
  }

  /** The unique ID of the run; undefined if an earlier version created the run. Throws BadFileError. */
  get id(): string | undefined {
    return readIdentity(this.path)?.id;
  }

  /** Assigns an identity to a run without one. */
  identify(id: string): void {
    this.requireHeld();
    writeIdentity(this.path, id);
  }

  /** The most recent sample sheet, of the last stage that has any. */
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
   * Throws RunLostError if this process may no longer write here: the folder was moved or removed, or another process took it
   * over. A process that only follows the run checks that the folder is still in its place.
   */
  requireHeld(): void {
    const reason = this.lossReason();
    if (reason !== undefined) throw new RunLostError(reason);
  }

  /** Why this process may no longer write here; undefined if it may. */
  lossReason(): string | undefined {
    const moved = moveOf(this.#folder);
    if (moved !== undefined || this.#isHeldAt(this.path)) return moved;
    return describeLoss(join(this.path, LOCK_FILE));
  }

  /** Where the folder is now; undefined if it was removed or taken over. */
  place(): string | undefined {
    const place = this.#folder.place();
    return place !== undefined && this.#isHeldAt(place) ? place : undefined;
  }

  /** Whether this process still holds it, or only follows another that does. */
  #isHeldAt(place: string): boolean {
    return this.#held?.lock.isHeld(join(place, LOCK_FILE)) ?? true;
  }

  /** Adds an event to `events.jsonl`; does nothing if another process holds the folder. Throws RunLostError. */
  append(event: NewEvent): void {
    this.requireHeld();
    this.#held?.log.append(event);
  }

  /** Adds the last event, even if the folder was moved; does nothing if it was removed or taken over. */
  appendLast(event: NewEvent): void {
    if (this.place() !== undefined) this.#held?.log.append(event);
  }

  /** Releases the folder. */
  [Symbol.dispose](): void {
    this.#held?.log[Symbol.dispose]();
    this.#held?.lock.release(join(this.#folder.place() ?? this.path, LOCK_FILE));
    this.#folder[Symbol.dispose]();
  }
}

/** End of a sheet's name, after the stage's name. */
const SHEET_END = /^-\d{8}\.png$/;

/** Name of a stage's sheet after a step. */
export const sheetName = (stage: string, step: number): string =>
  `${stage}-${String(step).padStart(8, "0")}.png`;

/** Names of the nested folders, inside a run's, that hold the samples drawn after a step of a stage. */
export const sampleFolder = (stage: string, step: number): [string, string, string] => [
  SAMPLES_FOLDER,
  stage,
  String(step).padStart(8, "0"),
];

/** Whether a folder was written by a run, even if parts of it are missing. */
export const isRunFolder = (path: string): boolean =>
  existsSync(join(path, EVENTS_FILE)) ||
  (existsSync(join(path, CONFIG_FILE)) && existsSync(join(path, CHECKPOINTS_FOLDER)));

function requireRun(path: string): void {
  if (existsSync(join(path, CONFIG_FILE))) return;
  const reason = existsSync(path) ? `it has no ${CONFIG_FILE}` : "there is no such folder";
  throw new RunError("ERR_NO_RUN", `${path} is not a run folder: ${reason}`);
}

/** The config of a run folder. Throws if the folder is not one. */
export function readRunConfig(path: string): ResolvedConfig {
  requireRun(path);
  const file = join(path, CONFIG_FILE);
  try {
    return configFromJson(readFileSync(file, "utf8"), file);
  } catch (error) {
    // Models have a file with this name too.
    if (!(error instanceof ConfigError) || isRunFolder(path)) throw error;
    throw new RunError(
      "ERR_NO_RUN",
      `${path} is not a run folder: its ${CONFIG_FILE} is not the config of a run`,
      { cause: error },
    );
  }
}

/** Acquires the lock for what `open` creates, and releases it if that fails. */
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

/** Where a run folder was moved to; undefined if it is in its place. */
function moveOf(folder: OpenFolder): string | undefined {
  if (folder.isInPlace()) return undefined;
  const place = folder.place();
  return place === undefined
    ? `The run folder ${folder.path} is no longer there`
    : `The run folder ${folder.path} was moved to ${place}`;
}

/** What keeps a run from starting in a folder. */
function contentOf(path: string): string[] {
  // Features may have been cached before the run, and a process may have been killed before it started the run.
  return readdirSync(path).filter(
    (name) => !name.startsWith(LOCK_FILE) && name !== CACHE_FOLDER && !isOwnLeftover(name),
  );
}

function refuseContent(path: string, resumeCommand: string): void {
  const names = contentOf(path);
  if (names.length === 0) return;
  const [found, advice] = names.includes(CONFIG_FILE)
    ? ["a run", `To continue that run: ${resumeCommand}\nTo start another, choose`]
    : [names.slice(0, 3).join(", "), "Choose"];
  throw new TargetExistsError(
    `Expected a new or empty folder for the run but received ${path}, which holds ${found}. ${advice} another folder with --work-dir.`,
  );
}
