import { join } from "node:path";
import { makeFolder } from "../../files/make-folder.ts";
import { startDetached } from "../../files/processes/start-detached.ts";
import { removeFile } from "../../files/remove.ts";
import { isRunFolder } from "../../training/run-folder/run-folder.ts";
import type { RunDetails, RunLine } from "../api-types.ts";
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
  /** Undefined while it is running. */
  ended: { readonly time: string; readonly code: number | null } | undefined;
  /** Whether its folder was seen: from then on, that tells how the run ends, and without it there is nothing to tell. */
  hadFolder: boolean;
}

/** Lines of output shown for a run that ended at once. */
const LAST_LINES = 3;

/** Starts runs as separate processes, which continue when the server ends. */
export class StartedRuns {
  readonly #program: Program;
  readonly #folder: string;
  readonly #started = new Map<string, StartedRun>();
  /** Ids of runs whose processes are about to begin. */
  readonly #starting = new Set<string>();

  /** @param folder for their output until they have folders of their own */
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

  /** Starts a command of this program that writes a run, which {@link isAtWork} from this call on. */
  async start(place: RunPlace, args: readonly string[], cwd: string): Promise<StartedRun> {
    this.#starting.add(place.id);
    try {
      await makeFolder(this.#folder);
      await removeFile(this.#logOf(place)); // of an earlier run with this name
      return this.#begin(place, args, cwd);
    } finally {
      this.#starting.delete(place.id);
    }
  }

  #logOf({ id }: RunPlace): string {
    return join(this.#folder, `${id}.log`);
  }

  #begin(place: RunPlace, args: readonly string[], cwd: string): StartedRun {
    const [file, ...before] = this.#program;
    const log = this.#logOf(place);
    const child = startDetached({ file, args: [...before, ...args], cwd, output: log });
    const begun = new Date().toISOString();
    const hadFolder = isRunFolder(place.path);
    const run: StartedRun = { place, log, begun, ended: undefined, hadFolder };
    const end = (code: number | null): void => {
      run.ended ??= { time: new Date().toISOString(), code };
      run.hadFolder ||= isRunFolder(place.path);
    };
    child.once("error", () => end(null));
    child.once("exit", end);
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
}

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

async function lineOf({ place, log, begun, ended }: StartedRun): Promise<RunLine> {
  const { id, name } = place;
  const said = ended === undefined ? [] : (await logPart(log)).lines.slice(-LAST_LINES);
  return {
    ...NOTHING_KNOWN,
    id,
    name,
    state: ended === undefined ? "running" : "failed",
    message: ended === undefined ? null : said.join("; "),
    begun,
    ended: ended?.time ?? null,
    activity:
      ended === undefined ? { what: "starting", done: null, total: null, since: begun } : null,
  };
}
