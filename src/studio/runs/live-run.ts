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

/** Events that are read at once, without a quick look before. */
const LARGE_BYTES = 2 ** 21;
/** Of a quick look: some hundred steps. */
const PEEKED_BYTES = 2 ** 16;
const LONGEST_FIRST = 2 ** 16;

/** One run as it goes on. Its curves are forgotten when others need the room, and read again when they are asked for. */
export class LiveRun {
  readonly place: RunPlace;
  #history: EventHistory | undefined;
  /** Whether all that was there has been read once. */
  #isRead = false;
  #config: { readonly stamp: string; readonly value: ResolvedConfig } | undefined;
  #line: RunLine | undefined;
  /** Of the events and the process that the line tells of. */
  #told = "";
  #used = 0;
  readonly #onEvent: (event: RunEvent) => void;

  /** @param onEvent told of events that come after those that were there when it was first read */
  constructor(place: RunPlace, onEvent: (event: RunEvent) => void) {
    this.place = place;
    this.#onEvent = onEvent;
  }

  /** When its curves were last asked for, in milliseconds of a clock. */
  get used(): number {
    return this.#used;
  }

  /** Rows of its curves that are in memory. */
  get rows(): number {
    const { tail } = this.#history ?? {};
    return (tail?.stages ?? []).reduce(
      (sum, name) => sum + (tail?.stage(name).steps.length ?? 0),
      0,
    );
  }

  /** Its config. Throws where it can't be read. */
  get config(): ResolvedConfig {
    const file = join(this.place.path, CONFIG_FILE);
    const found = statSync(file, { throwIfNoEntry: false });
    const stamp = `${found?.ino} ${found?.size} ${found?.mtimeMs}`;
    if (this.#config?.stamp !== stamp)
      this.#config = { stamp, value: readRunConfig(this.place.path) };
    return this.#config.value;
  }

  /** Its config as it was written. */
  get configText(): unknown {
    return JSON.parse(readFileSync(join(this.place.path, CONFIG_FILE), "utf8"));
  }

  /** Who writes it. */
  get process(): RunProcess | undefined {
    return processOf(this.place.path);
  }

  /** What is known by its events, read up to now. Throws where they can't be read. */
  async history(): Promise<EventHistory> {
    this.#used = performance.now();
    this.#history ??= new EventHistory(join(this.place.path, EVENTS_FILE));
    const history = this.#history;
    await history.refresh(this.#onEvent);
    this.#isRead = true;
    return history;
  }

  /**
   * Whether it takes long to know its line: much has come of which nothing was read yet. What can be told at once is
   * {@link peek}'s.
   */
  get isCold(): boolean {
    const { size, stamp } = this.#found();
    return !this.#isRead && size > LARGE_BYTES && this.#told !== stamp;
  }

  /** The line of the list; the same object until anything in it changes. */
  async line(): Promise<RunLine> {
    const { stamp, process } = this.#found();
    if (this.#line !== undefined && this.#told === stamp) return this.#line;
    try {
      const { config, place } = this;
      const { tail } = await this.history();
      this.#line = runLine({ place, config, tail, process });
    } catch (error) {
      this.#line = unreadableLine(this.place, error);
    }
    this.#told = stamp;
    return this.#line;
  }

  /** What of its line can be told by the end of its events. */
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

  /** What tells that anything has come, without reading it. */
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

  /** Forgets its curves. */
  forget(): void {
    this.#history = undefined;
    this.#isRead = false;
  }
}
