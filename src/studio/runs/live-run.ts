import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import { readStart } from "../../files/reading/whole-file.ts";
import { EventTail } from "../../training/run-folder/event-tail.ts";
import { parseEvent, type RunEvent } from "../../training/run-folder/events.ts";
import { CONFIG_FILE } from "../../training/run-folder/run-files.ts";
import { EVENTS_FILE, readRunConfig } from "../../training/run-folder/run-folder.ts";
import type { RunLine } from "../api-types.ts";
import { EventHistory } from "./event-history.ts";
import { runLine, unreadableLine } from "./run-line.ts";
import { processOf, type RunProcess } from "./run-process.ts";
import type { RunPlace } from "./run-table.ts";

/** Up to this size, events are read at once, without a quick look first. */
const LARGE_BYTES = 2 ** 21;
/** Bytes read for a quick look: some hundred steps. */
const PEEKED_BYTES = 2 ** 16;
const LONGEST_FIRST = 2 ** 16;

/** A run that may still be running. Its curves are dropped when others need the memory, and read again on demand. */
export class LiveRun {
  readonly place: RunPlace;
  #history: EventHistory | undefined;
  /** Whether everything has been read once. */
  #isRead = false;
  #config: { readonly stamp: string; readonly value: ResolvedConfig } | undefined;
  #line: RunLine | undefined;
  /** Stamp of the events and the process that the line is based on; empty if it only says what can't be read. */
  #told = "";
  #used = 0;
  readonly #onEvent: (event: RunEvent) => void;

  /** @param onEvent called for events added after the first read */
  constructor(place: RunPlace, onEvent: (event: RunEvent) => void) {
    this.place = place;
    this.#onEvent = onEvent;
  }

  /** When its curves were last requested, in milliseconds on a monotonic clock. */
  get used(): number {
    return this.#used;
  }

  /** Number of rows of its curves in memory. */
  get rows(): number {
    const { tail } = this.#history ?? {};
    return (tail?.stages ?? []).reduce(
      (sum, name) => sum + (tail?.stage(name).steps.length ?? 0),
      0,
    );
  }

  /** Its config. Throws if it can't be read. */
  get config(): ResolvedConfig {
    const file = join(this.place.path, CONFIG_FILE);
    const found = statSync(file, { throwIfNoEntry: false });
    const stamp = `${found?.ino} ${found?.size} ${found?.mtimeMs}`;
    if (this.#config?.stamp !== stamp)
      this.#config = { stamp, value: readRunConfig(this.place.path) };
    return this.#config.value;
  }

  /** Its config as written. */
  get configText(): unknown {
    return JSON.parse(readFileSync(join(this.place.path, CONFIG_FILE), "utf8"));
  }

  /** The process that writes it. */
  get process(): RunProcess | undefined {
    return processOf(this.place.path);
  }

  /** Whether a process may be writing it: true if that can't be determined. */
  get mayBeWritten(): boolean {
    try {
      return this.process !== undefined;
    } catch {
      return true;
    }
  }

  /** Its event history, read up to now. Throws if it can't be read. */
  async history(): Promise<EventHistory> {
    this.#used = performance.now();
    this.#history ??= new EventHistory(join(this.place.path, EVENTS_FILE));
    const history = this.#history;
    await history.refresh(this.#onEvent);
    this.#isRead = true;
    return history;
  }

  /**
   * Whether its line takes long to compute: there are many events, none of which has been read. {@link peek} gives what is
   * available at once. False for a run that could not be read, since a quick look would not tell.
   */
  get isCold(): boolean {
    if (this.#isRead || this.#line?.state === "unreadable") return false;
    try {
      const { size, stamp } = this.#found();
      return size > LARGE_BYTES && this.#told !== stamp;
    } catch {
      return false; // its line gives the reason
    }
  }

  /**
   * Its line in the list; the same object until something in it changes. Never throws: a line also says what can't be read, and is
   * computed again each time until it can be.
   */
  async line(): Promise<RunLine> {
    try {
      const { stamp, process } = this.#found();
      if (this.#line !== undefined && this.#told === stamp) return this.#line;
      const { config, place } = this;
      const { tail } = await this.history();
      this.#line = runLine({ place, config, tail, process });
      this.#told = stamp;
      return this.#line;
    } catch (error) {
      const line = unreadableLine(this.place, error);
      const isTold = this.#line?.state === line.state && this.#line.message === line.message;
      if (!isTold) this.#line = line;
      this.#told = "";
      return this.#line ?? line;
    }
  }

  /** What the last events alone tell about its line. */
  async peek(): Promise<RunLine> {
    const { config, place } = this;
    const events = join(place.path, EVENTS_FILE);
    const tail = new EventTail(events, PEEKED_BYTES);
    await tail.read();
    const [first = ""] = (await readStart(events, LONGEST_FIRST)).toString().split("\n");
    const line = runLine({ place, config, tail, process: this.process });
    const stage = line.stage && { ...line.stage, lowestHeldout: null };
    return { ...line, stage, begun: parseEvent(first)?.time ?? null };
  }

  /** Detects new events without reading them. */
  #found(): {
    readonly size: number;
    readonly stamp: string;
    readonly process: RunProcess | undefined;
  } {
    const { process } = this;
    const found = statSync(join(this.place.path, EVENTS_FILE), { throwIfNoEntry: false });
    const stamp = `${found?.ino} ${found?.size} ${found?.mtimeMs} ${process?.pid} ${process?.host}`;
    return { size: found?.size ?? 0, stamp, process };
  }

  /** Drops its curves. */
  forget(): void {
    this.#history = undefined;
    this.#isRead = false;
  }
}
