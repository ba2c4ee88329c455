import { setImmediate as nextTurn } from "node:timers/promises";
import { ApiError } from "../../server/http/api-error.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";
import type { RunLine } from "../api-types.ts";
import { LiveRun } from "./live-run.ts";
import { type RunPlace, RunTable } from "./run-table.ts";

/** Maximum rows of curves kept for all runs together: some 25 MB. */
const MOST_ROWS = 150_000;

/** Receives an event and its run. */
export type OnRunEvent = (run: LiveRun, event: RunEvent) => void;

/** Adds to the line of a run what its folder does not tell. */
export type CompleteLine = (line: RunLine) => Promise<RunLine>;

/** The runs of some folders, kept up to date. */
export class Runs {
  readonly #table: RunTable;
  readonly #runs = new Map<string, LiveRun>();
  readonly #onEvent: OnRunEvent;
  readonly #complete: CompleteLine;
  #scanned: Promise<boolean> | undefined;
  readonly #warming = new Set<LiveRun>();
  /** Quick looks in progress. */
  readonly #peeks = new Set<Promise<RunLine>>();
  #turn: Promise<void> = Promise.resolve();

  /** @param onEvent called for events that arrive while the studio runs */
  constructor(
    roots: readonly string[],
    onEvent: OnRunEvent = () => {},
    complete: CompleteLine = async (line) => line,
  ) {
    this.#table = new RunTable(roots);
    this.#onEvent = onEvent;
    this.#complete = complete;
  }

  get roots(): readonly string[] {
    return this.#table.roots;
  }

  get all(): readonly LiveRun[] {
    return [...this.#runs.values()];
  }

  /** Looks for added and removed runs. True if there are any. Concurrent calls share one scan. */
  scan(): Promise<boolean> {
    this.#scanned ??= this.#scan().finally(() => {
      this.#scanned = undefined;
    });
    return this.#scanned;
  }

  async #scan(): Promise<boolean> {
    const hasChanged = await this.#table.scan();
    for (const id of this.#runs.keys())
      if (this.#table.find(id) === undefined) this.#runs.delete(id);
    for (const place of this.#table.places)
      if (!this.#runs.has(place.id)) this.#runs.set(place.id, this.#newRun(place));
    return hasChanged;
  }

  #newRun(place: RunPlace): LiveRun {
    const run: LiveRun = new LiveRun(place, (event) => this.#onEvent(run, event));
    return run;
  }

  /**
   * A run by its id; `latest` is the run that started last, with running ones first. Throws an ApiError if there is none.
   */
  async find(id: string): Promise<LiveRun> {
    await this.has(id);
    const run = id === "latest" ? await this.#latest() : this.#runs.get(id);
    if (run !== undefined) return run;
    throw new ApiError(404, "run_not_found", "Expected the id of an existing run");
  }

  /** Whether a run exists, including one that has only just started. */
  async has(id: string): Promise<boolean> {
    if (!this.#runs.has(id)) await this.scan();
    return this.#runs.has(id);
  }

  async #latest(): Promise<LiveRun | undefined> {
    const lines = await this.lines();
    return this.#runs.get(lines[0]?.id ?? "");
  }

  /** A run's current line; while a long run is still being read, a preliminary line from its last events. */
  async line(run: LiveRun): Promise<RunLine> {
    return this.#complete(await this.#lineOf(run));
  }

  async #lineOf(run: LiveRun): Promise<RunLine> {
    if (!run.isCold) return this.#read(run);
    this.#warm(run);
    const peek = run.peek();
    this.#peeks.add(peek);
    try {
      return await peek;
    } catch {
      return this.#read(run); // gives the reason
    } finally {
      this.#peeks.delete(peek);
    }
  }

  /** Reads a run after all others and all pending quick looks, so that other requests are not delayed. */
  #warm(run: LiveRun): void {
    if (this.#warming.has(run)) return;
    this.#warming.add(run);
    this.#turn = this.#turn.then(async () => {
      while (this.#peeks.size > 0) {
        await Promise.allSettled(this.#peeks);
        await nextTurn(); // in which the next quick look of a list starts
      }
      // Never rejects, as the line of a run that can't be read says so: later runs wait for this one.
      await this.#read(run);
      this.#warming.delete(run);
    });
  }

  async #read(run: LiveRun): Promise<RunLine> {
    const { rows } = run;
    const line = await run.line();
    if (run.rows !== rows) this.#makeRoom(run);
    return line;
  }

  /** All lines: running ones first, then the newest; unreadable ones come last. */
  async lines(): Promise<RunLine[]> {
    const lines: RunLine[] = [];
    // One after the other: a run is in memory before the next one needs room.
    for (const run of this.all) lines.push(await this.line(run));
    return lines.sort(
      (a, b) => rankOf(a) - rankOf(b) || (b.begun ?? "").localeCompare(a.begun ?? ""),
    );
  }

  /** Drops the curves that have not been requested for longest, except one run's. */
  #makeRoom(keep: LiveRun): void {
    const held = this.all.filter((run) => run.rows > 0).sort((a, b) => a.used - b.used);
    let rows = held.reduce((sum, run) => sum + run.rows, 0);
    for (const run of held) {
      if (rows <= MOST_ROWS) return;
      if (run === keep || run.mayBeWritten) continue;
      rows -= run.rows;
      run.forget();
    }
  }
}

const RANKS: Partial<Readonly<Record<RunLine["state"], number>>> = {
  running: 0,
  elsewhere: 0,
  unreadable: 2,
};
const rankOf = ({ state }: RunLine): number => RANKS[state] ?? 1;
