import { isDeepStrictEqual } from "node:util";
import { shuttingDown } from "../../server/http/api-error.ts";
import type { ServerContext } from "../../server/server-context.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";
import type { RunLine } from "../api-types.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { Runs } from "../runs/runs.ts";
import type { StartedRuns } from "../start/started-runs.ts";
import { Reader } from "./reader.ts";

/** Interval between looks at watched runs, and so between their step events. */
const WATCHED_MS = 500;
/** Interval between looks at all runs, with and without listeners. */
const LISTENED_MS = 2000;
const ALONE_MS = 10_000;

/** What is told of the server besides runs. */
type WatchedServer = Pick<ServerContext, "dispatcher" | "models">;

/** Polls the runs, more often if somebody listens, and notifies the listeners. Only `stat` works on every file system. */
export class Watcher {
  readonly #runs: Runs;
  readonly #started: StartedRuns;
  readonly #server: WatchedServer;
  readonly #readers = new Set<Reader>();
  /** The lines last told; those of removed runs go with them. */
  readonly #told = new WeakMap<LiveRun, RunLine>();
  /** The same of started runs without a folder, by their ids. */
  #toldStarted: ReadonlyMap<string, RunLine> = new Map();
  #drawing = "";
  /** Number of models that have been loaded. */
  #models = 0;
  #timer: NodeJS.Timeout | undefined;
  #looked = Number.NEGATIVE_INFINITY;
  #isOver = false;

  constructor(runs: Runs, started: StartedRuns, server: WatchedServer) {
    this.#runs = runs;
    this.#started = started;
    this.#server = server;
  }

  /** Starts polling. */
  start(): void {
    void this.#go();
  }

  /** A stream of events from now on, including the steps of these runs. Throws an ApiError after {@link stop}. */
  listen(ids: ReadonlySet<string>): Response {
    if (this.#isOver) throw shuttingDown();
    const reader: Reader = new Reader(ids, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    reader.tell("drawing", this.#queue());
    reader.flush();
    this.#soon();
    return reader.stream.response({});
  }

  /** Passes on an event that a run has just recorded. */
  hear(run: LiveRun, event: RunEvent): void {
    for (const reader of this.#readers) reader.tellEvent(run.place.id, event);
  }

  /** Ends polling and all streams. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const { stream } of this.#readers) stream.close();
    this.#readers.clear();
  }

  /** Polls now instead of at the next interval. */
  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#go(), 0);
  }

  async #go(): Promise<void> {
    clearTimeout(this.#timer);
    // A folder that can't be read now may be readable next time.
    await this.#look().catch(() => {});
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#go(), this.#readers.size > 0 ? WATCHED_MS : ALONE_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const isDue = performance.now() - this.#looked >= LISTENED_MS - WATCHED_MS / 2;
    if (isDue) {
      this.#looked = performance.now();
      const hasChanged = await this.#runs.scan();
      if (hasChanged) for (const reader of this.#readers) reader.tell("runs", {});
    }
    for (const run of this.#runs.all) if (isDue || this.#isWatched(run)) await this.#tellLine(run);
    await this.#tellStarted();
    this.#tellDrawing();
    this.#tellModels();
    for (const reader of this.#readers) reader.flush();
  }

  #isWatched({ place }: LiveRun): boolean {
    return [...this.#readers].some((reader) => reader.watches(place.id));
  }

  async #tellLine(run: LiveRun): Promise<void> {
    const line = await this.#runs.line(run);
    // A preliminary line is made anew each time.
    if (isDeepStrictEqual(this.#told.get(run), line)) return;
    this.#told.set(run, line);
    this.#tell(line);
  }

  /** Tells of runs that have no folder to look at: that they were started, and how they ended. */
  async #tellStarted(): Promise<void> {
    const found = new Set(this.#runs.all.map(({ place }) => place.id));
    const lines = await this.#started.lines(found);
    const before = this.#toldStarted;
    this.#toldStarted = new Map(lines.map((line) => [line.id, line]));
    const isSame = lines.length === before.size && lines.every(({ id }) => before.has(id));
    if (!isSame) for (const reader of this.#readers) reader.tell("runs", {});
    for (const line of lines) if (!isDeepStrictEqual(before.get(line.id), line)) this.#tell(line);
  }

  /** Also tells the first line of a run: a page may have shown it before it had one. */
  #tell(line: RunLine): void {
    for (const reader of this.#readers) reader.tell("run", { id: line.id, line });
  }

  #queue(): { readonly waiting: number; readonly running: number } {
    const { waiting, pictures } = this.#server.dispatcher;
    return { waiting, running: pictures - waiting };
  }

  #tellDrawing(): void {
    const queue = this.#queue();
    const shown = JSON.stringify(queue);
    if (shown === this.#drawing) return;
    this.#drawing = shown;
    for (const reader of this.#readers) reader.tell("drawing", queue);
  }

  #tellModels(): void {
    const { size } = this.#server.models();
    if (size === this.#models) return;
    this.#models = size;
    for (const reader of this.#readers) reader.tell("models", {});
  }
}
