import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFolder, makeTemporaryFolder } from "../../files/make-folder.ts";
import { startDetached } from "../../files/processes/start-detached.ts";
import { removeFile } from "../../files/remove.ts";
import { unlessItFails } from "../../files/unless-it-fails.ts";
import { FileWriteError } from "../../files/write-error.ts";
import { EVENTS_FILE, isRunFolder } from "../../training/run-folder/run-folder.ts";
import type { Activity, RunDetails, RunLine } from "../api-types.ts";
import { logPart } from "../runs/log-part.ts";
import { NOTHING_KNOWN } from "../runs/run-line.ts";
import type { RunPlace } from "../runs/run-table.ts";
import type { Program } from "./own-command.ts";

/** A run started by this server, whether or not it has a folder yet. */
export interface StartedRun {
  readonly place: RunPlace;
  /** File with its output. */
  readonly log: string;
  readonly begun: string;
  /** Bytes of its events when its process began. */
  readonly events: number;
  /** Undefined while it is running. */
  ended: RunEnd | undefined;
  /** Whether its folder was seen: from then on, that tells how the run ends, and without it there is nothing to tell. */
  hadFolder: boolean;
}

/** How a started process ended. */
interface RunEnd {
  readonly time: string;
  readonly isFailure: boolean;
  /** In words. */
  readonly how: string;
  /** The last lines of its output, which is complete; empty if it had none. */
  readonly said: Promise<string>;
  /** Bytes of the run's events at that time. */
  readonly events: number;
}

/** Lines of output shown for a run that ended at once. */
const LAST_LINES = 3;

/** Starts runs as separate processes, which continue when the server ends. */
export class StartedRuns {
  readonly #program: Program;
  readonly #folder: string;
  /** Used where that one can't be written. */
  #spareFolder: string | undefined;
  readonly #started = new Map<string, StartedRun>();
  /** Ids of runs whose processes are about to begin. */
  readonly #starting = new Set<string>();

  /** @param folder for their output until they have folders of their own; if it can't be written, a temporary one is */
  constructor(program: Program, folder: string) {
    this.#program = program;
    this.#folder = folder;
  }

  /** Undefined also for a run whose folder was removed. */
  find(id: string): StartedRun | undefined {
    const run = this.#started.get(id);
    return run === undefined || isRemoved(run) ? undefined : run;
  }

  /** Whether a run's process is at work or about to begin: it may not have its folder or its lock yet. */
  isAtWork(id: string): boolean {
    const run = this.#started.get(id);
    return this.#starting.has(id) || (run !== undefined && run.ended === undefined);
  }

  /**
   * Starts a command of this program that writes a run, which {@link isAtWork} from this call on. Throws FileWriteError if its
   * output can be written nowhere.
   */
  async start(place: RunPlace, args: readonly string[], cwd: string): Promise<StartedRun> {
    this.#starting.add(place.id);
    const startIn = async (folder: string): Promise<StartedRun> => {
      await makeFolder(folder);
      const log = join(folder, `${place.id}.log`);
      await removeFile(log); // of an earlier run with this name
      return this.#begin(place, log, args, cwd);
    };
    try {
      return await startIn(this.#spareFolder ?? this.#folder);
    } catch (error) {
      if (!(error instanceof FileWriteError)) throw error;
      // A home folder may be full or read-only where runs can be written.
      this.#spareFolder = await makeTemporaryFolder(tmpdir(), "pixart-starts");
      return await startIn(this.#spareFolder);
    } finally {
      this.#starting.delete(place.id);
    }
  }

  #begin(place: RunPlace, log: string, args: readonly string[], cwd: string): StartedRun {
    const [file, ...before] = this.#program;
    const child = startDetached({ file, args: [...before, ...args], cwd, output: log });
    const begun = new Date().toISOString();
    const hadFolder = isRunFolder(place.path);
    const events = eventBytes(place);
    const run: StartedRun = { place, log, begun, events, ended: undefined, hadFolder };
    const end = (isFailure: boolean, how: string): void => {
      const time = new Date().toISOString();
      run.ended ??= { time, isFailure, how, said: lastLines(log), events: eventBytes(place) };
      run.hadFolder ||= isRunFolder(place.path);
    };
    child.once("error", ({ message }) => end(true, `could not begin (${message})`));
    child.once("exit", (code, signal) =>
      end(code !== 0, signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
    this.#started.set(place.id, run);
    return run;
  }

  /**
   * Lines of started runs that have no folder yet: they are preparing, or ended before they had one.
   * @param known ids of the runs whose folders were found
   */
  async lines(known: ReadonlySet<string>): Promise<RunLine[]> {
    const open = [...this.#started.values()].filter(
      (run) =>
        !isRemoved(run) && !known.has(run.place.id) && !(run.hadFolder && run.ended !== undefined),
    );
    return Promise.all(open.map(lineOf));
  }

  /**
   * The line of a run that has a folder, with what its events can't tell: that a process started here is about to continue it, or
   * why it ended without writing so.
   */
  async withStart(line: RunLine): Promise<RunLine> {
    const run = this.#started.get(line.id);
    if (run === undefined || !canStart(line)) return line;
    const { begun, ended, place } = run;
    if (ended === undefined)
      return eventBytes(place) > run.events
        ? line
        : { ...line, state: "running", message: null, ended: null, activity: starting(begun) };
    if (!isUntold(run, line)) return line;
    return { ...line, message: `Its last process ${ended.how}: ${(await ended.said) || SILENT}` };
  }

  /** The output of a process that ended without a word in its run's own log; undefined if there is none. */
  unwrittenLog(line: RunLine): string | undefined {
    const run = this.#started.get(line.id);
    if (run === undefined || !canStart(line) || !isUntold(run, line)) return undefined;
    return hasBegun(run) ? undefined : run.log;
  }
}

const SILENT = "it printed nothing";

/** Whether no process is known to write a run. */
const canStart = ({ state }: RunLine): boolean =>
  state !== "running" && state !== "elsewhere" && state !== "unreadable";

/** Whether a process that has ended had written events: then its output is in the run's own log, too. */
const hasBegun = ({ events, ended }: StartedRun): boolean => (ended?.events ?? 0) > events;

/** Whether the process started here was the run's last, and failed without an event that says why. */
function isUntold(run: StartedRun, { state }: RunLine): boolean {
  const { place, ended } = run;
  if (ended?.isFailure !== true || eventBytes(place) !== ended.events) return false;
  return !hasBegun(run) || state === "interrupted";
}

/** Size of a run's events; 0 if it has none yet. */
const eventBytes = ({ path }: RunPlace): number =>
  unlessItFails(() => statSync(join(path, EVENTS_FILE)).size) ?? 0;

const lastLines = async (log: string): Promise<string> =>
  (await logPart(log).catch(() => undefined))?.lines.slice(-LAST_LINES).join("; ") ?? "";

const starting = (since: string): Activity => ({
  what: "starting",
  done: null,
  total: null,
  since,
});

/** Whether a run has no folder any more. Notes whether it has one. */
function isRemoved(run: StartedRun): boolean {
  const hasFolder = isRunFolder(run.place.path);
  run.hadFolder ||= hasFolder;
  return run.hadFolder && !hasFolder;
}

/** Details of a run that has no folder yet. */
export async function startedDetails(run: StartedRun): Promise<RunDetails> {
  const line = await lineOf(run);
  return {
    ...line,
    all: [],
    verdict: run.ended === undefined ? "It is about to start." : "It ended before it could start.",
    checkpoints: [],
    marks: [],
    config: null,
    differences: [],
    plan: null,
    facts: null,
    time: [],
    resumeCommand: null,
    canControl: false,
  };
}

async function lineOf({ place, begun, ended }: StartedRun): Promise<RunLine> {
  const { id, name } = place;
  const line = { ...NOTHING_KNOWN, id, name, begun };
  if (ended === undefined)
    return { ...line, state: "running", message: null, activity: starting(begun) };
  const message = (await ended.said) || `Its process ${ended.how}: ${SILENT}`;
  return { ...line, state: "failed", message, ended: ended.time };
}
