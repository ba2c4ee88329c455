import { setImmediate as nextTurn } from "node:timers/promises";
import { quote } from "../../files/reading/errors.ts";
import {
  type ActivityEvent,
  parseEvent,
  type RunEvent,
  type StepEvent,
  type ValidationEvent,
} from "./events.ts";
import { isReturn, isSuperseded, keyOf, laterStages, type ReturnEvent } from "./fold-events.ts";
import { StageTrace } from "./tail/stage-trace.ts";
import { TailedLines } from "./tail/tailed-lines.ts";

/** Time between two yields to the event loop. */
const SLICE_MS = 5;

/** An event that is kept whole: any except the frequent ones. */
export type RareEvent = Exclude<RunEvent, StepEvent | ValidationEvent>;

/** A line that is not an event. */
export interface DamagedLine {
  /** Counted from 1. */
  readonly line: number;
  /** Its first characters. */
  readonly text: string;
}

/**
 * A run's `events.jsonl`, read as it grows. Steps and measurements become columns of numbers, everything else stays events; the
 * result is what {@link foldEvents} gives for the whole file. Reading yields to the event loop and uses memory only for what is
 * kept. A line that is no event is skipped and recorded.
 */
export class EventTail {
  readonly #lines: TailedLines;
  #stages = new Map<string, StageTrace>();
  #rare = new Map<string, { readonly event: RareEvent; readonly order: number }>();
  #order = 0;
  #lineCount = 0;
  #damage: DamagedLine | undefined;
  #newest: string | undefined;
  #isBusy = false;
  #sliceEnd = 0;
  #reading: Promise<void> = Promise.resolve();
  #onEvent: ((event: RunEvent) => void) | undefined;

  /**
   * @param path of `events.jsonl`, which need not exist yet
   * @param lastBytes limits reading to this many bytes at the end of a longer file, for a quick look
   */
  constructor(path: string, lastBytes?: number) {
    const reader = {
      onBegin: () => this.#forget(),
      onLine: (line: string | undefined) => this.#take(line),
    };
    this.#lines = new TailedLines(path, reader, lastBytes);
  }

  /**
   * Reads what was added since the last call. Calls run one after the other. Throws if the file exists but cannot be read.
   * @param onEvent called for each event, in file order
   */
  read(onEvent?: (event: RunEvent) => void): Promise<void> {
    const next = this.#reading.then(() => {
      this.#onEvent = onEvent;
      this.#sliceEnd = performance.now() + SLICE_MS;
      return this.#lines.read();
    });
    this.#reading = next.catch(() => {});
    return next;
  }

  /** How many events were read, superseded ones included; if it is unchanged, nothing was added. */
  get count(): number {
    return this.#order;
  }

  /** The first line that is not an event. */
  get damage(): DamagedLine | undefined {
    return this.#damage;
  }

  /** When the newest event was written, in ISO 8601. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** Names of the stages with current events, in the order in which they began. */
  get stages(): string[] {
    const first = new Map<string, number>();
    for (const { event, order } of this.#rare.values())
      if ("stage" in event && !first.has(event.stage)) first.set(event.stage, order);
    for (const [name, trace] of this.#stages)
      first.set(name, Math.min(trace.firstOrder, first.get(name) ?? Number.POSITIVE_INFINITY));
    return [...first]
      .filter(([, order]) => Number.isFinite(order))
      .sort(([, a], [, b]) => a - b)
      .map(([name]) => name);
  }

  /** The curves of a stage; empty if nothing was recorded. */
  stage(name: string): StageTrace {
    return this.#stages.get(name) ?? new StageTrace();
  }

  /** All current events except steps and measurements, in order. */
  get events(): RareEvent[] {
    return Array.from(this.#rare.values(), ({ event }) => event);
  }

  /** The current events of one type. */
  eventsOf<T extends RareEvent["type"]>(type: T): Extract<RareEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<RareEvent, { type: T }> => event.type === type,
    );
  }

  /** What the run is doing now, if not a step. */
  get activity(): ActivityEvent | undefined {
    return this.#isBusy ? this.eventsOf("activity")[0] : undefined;
  }

  #forget(): void {
    this.#stages = new Map();
    this.#rare = new Map();
    this.#order = 0;
    this.#lineCount = 0;
    this.#damage = undefined;
    this.#newest = undefined;
    this.#isBusy = false;
  }

  #take(line: string | undefined): Promise<void> | undefined {
    this.#lineCount += 1;
    const event = line === undefined ? undefined : parseEvent(line);
    if (event === undefined)
      this.#damage ??= { line: this.#lineCount, text: quote(line ?? "a line without an end") };
    else this.#add(event);
    if (performance.now() < this.#sliceEnd) return undefined;
    return nextTurn().then(() => {
      this.#sliceEnd = performance.now() + SLICE_MS;
    });
  }

  #add(event: RunEvent): void {
    const order = this.#order++;
    this.#newest = event.time;
    if (event.type !== "warning") this.#isBusy = event.type === "activity";
    if (event.type === "step") this.#trace(event.stage).addStep(event, order);
    else if (event.type === "validation") this.#trace(event.stage).addValidation(event, order);
    else {
      if (isReturn(event)) this.#goBack(event);
      const key = keyOf(event) ?? String(order);
      this.#rare.delete(key);
      this.#rare.set(key, { event, order });
    }
    this.#onEvent?.(event);
  }

  #trace(stage: string): StageTrace {
    const known = this.#stages.get(stage) ?? new StageTrace();
    this.#stages.set(stage, known);
    return known;
  }

  #goBack(to: ReturnEvent): void {
    const later = laterStages(this.stages, to.stage);
    for (const [key, { event }] of this.#rare)
      if (isSuperseded(event, to, later)) this.#rare.delete(key);
    for (const name of later) this.#stages.delete(name);
    this.#stages.get(to.stage)?.dropBeyond(to.step);
  }
}
