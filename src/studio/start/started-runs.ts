import { join } from "node:path";
import { makeFolder } from "../../files/make-folder.ts";
import { startDetached } from "../../files/processes/start-detached.ts";
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

  find(id: string): StartedRun | undefined {
    return this.#started.get(id);
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
      return this.#begin(place, args, cwd);
    } finally {
      this.#starting.delete(place.id);
    }
  }

  #begin(place: RunPlace, args: readonly string[], cwd: string): StartedRun {
    const [file, ...before] = this.#program;
    const log = join(this.#folder, `${place.id}.log`);
    const child = startDetached({ file, args: [...before, ...args], cwd, output: log });
    const run: StartedRun = { place, log, begun: new Date().toISOString(), ended: undefined };
    const end = (code: number | null): void => {
      run.ended ??= { time: new Date().toISOString(), code };
    };
    child.once("error", () => end(null));
    child.once("exit", end);
    this.#started.set(place.id, run);
    return run;
  }

  /** Lines of started runs that have no folder yet: they are preparing, or ended before they had one. */
  async lines(known: ReadonlySet<string>): Promise<RunLine[]> {
    const open = [...this.#started.values()].filter(({ place }) => !known.has(place.id));
    return Promise.all(open.map(lineOf));
  }
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
  const said = ended === undefined ? [] : (await logPart(log, 0)).lines.slice(-LAST_LINES);
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
