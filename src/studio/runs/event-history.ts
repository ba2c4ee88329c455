import { EventTail } from "../../training/run-folder/event-tail.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";

/** Timed parts of a step. */
const PARTS = ["data", "forward", "backward", "optimizer"] as const;

/** A long pause in the events is not work: the machine may have been suspended. */
const LONGEST_ACTIVITY_S = 6 * 3600;

/** A run's events as they arrive, and time spent by activity. */
export class EventHistory {
  readonly tail: EventTail;
  #time = new Map<string, number>();
  #activity: { readonly what: string; readonly since: number } | undefined;

  /** @param path of `events.jsonl` */
  constructor(path: string) {
    this.tail = new EventTail(path);
  }

  get time(): ReadonlyMap<string, number> {
    return this.#time;
  }

  /** Reads new events. Throws if the file can't be read. */
  async refresh(onEvent: (event: RunEvent) => void): Promise<void> {
    const isNew = this.tail.count === 0;
    await this.tail.read((event) => {
      if (event.type === "run-start") this.#time = new Map();
      // The first event of a process: what the one before it was doing ended at an unknown time.
      if (event.type === "run-start" || event.type === "resume") this.#activity = undefined;
      this.#count(event);
      if (!isNew) onEvent(event);
    });
  }

  #count(event: RunEvent): void {
    const now = Date.parse(event.time) / 1000;
    const activity = this.#activity;
    if (activity !== undefined && event.type !== "warning") {
      const seconds = now - activity.since;
      if (seconds > 0 && seconds < LONGEST_ACTIVITY_S) this.#add(activity.what, seconds);
      this.#activity = undefined;
    }
    if (event.type === "activity") this.#activity = { what: event.what, since: now };
    if (event.type !== "step") return;
    for (const part of PARTS) this.#add(part, event.seconds[part] ?? 0);
  }

  #add(what: string, seconds: number): void {
    this.#time.set(what, (this.#time.get(what) ?? 0) + seconds);
  }
}
