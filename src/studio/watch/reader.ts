import { EventStream } from "../../server/http/sse.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";
import type { StreamEvents } from "../api-types.ts";

/** Run events that watching tabs receive unchanged. */
const TOLD: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>([
  "validation",
  "sample",
  "checkpoint",
  "warning",
  "rollback",
  "run-end",
]);
/** Maximum number of events queued for a slow reader; of replaceable ones only the newest is queued. */
const MOST_WAITING = 200;

/** A listening tab. Of steps and lines only the newest waits; of other events at most 200 wait, and later ones are dropped. */
export class Reader {
  readonly stream: EventStream;
  readonly #watched: ReadonlySet<string>;
  /** Keyed by what an entry replaces. */
  readonly #waiting = new Map<string, { readonly name: string; readonly data: unknown }>();
  #count = 0;

  /** @param watched ids of the runs whose steps it receives */
  constructor(watched: ReadonlySet<string>, onGone: () => void) {
    this.#watched = watched;
    this.stream = new EventStream(onGone);
  }

  /** Whether it receives a run's steps. */
  watches(id: string): boolean {
    return this.#watched.has(id);
  }

  /** Queues data that replaces earlier data of the same kind and run. */
  tell<N extends keyof StreamEvents & ("runs" | "run" | "drawing" | "models")>(
    name: N,
    data: StreamEvents[N],
  ): void {
    this.#waiting.set(`${name} ${"id" in data ? data.id : ""}`, { name, data });
  }

  /** Queues an event of a run that it watches. */
  tellEvent(id: string, event: RunEvent): void {
    if (!this.watches(id)) return;
    if (event.type === "step") {
      const { stage, step, loss, gradNorm, lr, imagesPerSecond } = event;
      const data = { id, stage, step, loss, gradNorm, lr, imagesPerSecond };
      this.#waiting.set(`step ${id}`, { name: "step", data });
    } else if (TOLD.has(event.type) && this.#waiting.size < MOST_WAITING)
      this.#waiting.set(String(this.#count++), { name: event.type, data: { ...event, id } });
  }

  /** Sends the queue, unless the reader is behind. */
  flush(): void {
    if (!this.stream.keepsUp) return;
    for (const { name, data } of this.#waiting.values()) this.stream.send(name, data);
    this.#waiting.clear();
  }
}
