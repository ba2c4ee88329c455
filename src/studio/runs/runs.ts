import { setImmediate as nextTurn } from "node:timers/promises";
import { ApiError } from "../../server/http/api-error.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";
import type { RunLine } from "../api-types.ts";
import { LiveRun } from "./live-run.ts";
import { type RunPlace, RunTable } from "./run-table.ts";

/** Rows of curves that are kept for all runs together: some 25 MB. */
const MOST_ROWS = 150_000;

/** Which event of which run. */
export type OnRunEvent = (run: LiveRun, event: RunEvent) => void;

/** The runs of some folders as they go on. */
export class Runs {
  readonly #table: RunTable;
  readonly #runs = new Map<string, LiveRun>();
  readonly #onEvent: OnRunEvent;
  #scanned: Promise<boolean> | undefined;
  readonly #warming = new Set<LiveRun>();
  /** Quick looks that go on. */
  readonly #peeks = new Set<Promise<RunLine>>();
  #turn: Promise<void> = Promise.resolve();

  /** @param onEvent told of events that come while the studio runs */
  constructor(roots: readonly string[], onEvent: OnRunEvent = () => {}) {
    this.#table = new RunTable(roots);
    this.#onEvent = onEvent;
  }

  get roots(): readonly string[] {
    return this.#table.roots;
  }

  get all(): readonly LiveRun[] {
    return [...this.#runs.values()];
  }

  /** Looks for runs that came or went. True where any did. Calls at a time share one look. */
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
   * A run by its id; by `latest` the one that was begun last, one that is being written before all others. Throws an ApiError where there
   * is none.
   */
  async find(id: string): Promise<LiveRun> {
    await this.has(id);
    const run = id === "latest" ? await this.#latest() : this.#runs.get(id);
    if (run !== undefined) return run;
    throw new ApiError(404, "run_not_found", "Expected the id of a run that is here");
  }

  /** Whether a run is there, also one that has begun just now. */
  async has(id: string): Promise<boolean> {
    if (!this.#runs.has(id)) await this.scan();
    return this.#runs.has(id);
  }

  async #latest(): Promise<LiveRun | undefined> {
    const lines = await this.lines();
    return this.#runs.get(lines[0]?.id ?? "");
  }

  /** A run's line, with what has come until now; of one of which much is to be read yet, what its end says, until that was done. */
  async line(run: LiveRun): Promise<RunLine> {
    if (!run.isCold) return this.#read(run);
    this.#warm(run);
    const peek = run.peek();
    this.#peeks.add(peek);
    try {
      return await peek;
    } catch {
      return this.#read(run); // which says why
    } finally {
      this.#peeks.delete(peek);
    }
  }

  /** Reads a run behind all others and all quick looks that wait, so that whoever asks for other things is not kept. */
  #warm(run: LiveRun): void {
    if (this.#warming.has(run)) return;
    this.#warming.add(run);
    this.#turn = this.#turn.then(async () => {
      while (this.#peeks.size > 0) {
        await Promise.allSettled(this.#peeks);
        await nextTurn(); // in which the next look of a list begins
      }
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

  /** All lines: those at work first, then the newest; what can't be read comes last. */
  async lines(): Promise<RunLine[]> {
    const lines: RunLine[] = [];
    // One after the other: each in memory before the next needs room.
    for (const run of this.all) lines.push(await this.line(run));
    return lines.sort(
      (a, b) => rankOf(a) - rankOf(b) || (b.begun ?? "").localeCompare(a.begun ?? ""),
    );
  }

  /** Forgets the curves that were longest not asked for, but for one run's. */
  #makeRoom(keep: LiveRun): void {
    const held = this.all.filter((run) => run.rows > 0).sort((a, b) => a.used - b.used);
    let rows = held.reduce((sum, run) => sum + run.rows, 0);
    for (const run of held) {
      if (rows <= MOST_ROWS) return;
      if (run === keep || run.process !== undefined) continue;
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
