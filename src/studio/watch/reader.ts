import { EventStream } from "../../server/http/sse.ts";
import type { RunEvent } from "../../training/run-folder/events.ts";
import type { StreamEvents } from "../api-types.ts";

/** Events of a run that are told as they are, to those who watch it. */
const TOLD: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>([
  "validation",
  "sample",
  "checkpoint",
  "warning",
  "rollback",
  "run-end",
]);
/** Events that wait for a reader who is slow; of what can be told again only the newest waits. */
const MOST_WAITING = 200;

/** One tab that listens. What comes faster than it reads is left out, but for the newest of each kind. */
export class Reader {
  readonly stream: EventStream;
  readonly #watched: ReadonlySet<string>;
  /** By what it replaces. */
  readonly #waiting = new Map<string, { readonly name: string; readonly data: unknown }>();
  #count = 0;

  /** @param watched ids of the runs whose steps it wants */
  constructor(watched: ReadonlySet<string>, onGone: () => void) {
    this.#watched = watched;
    this.stream = new EventStream(onGone);
  }

  /** Whether it wants a run's steps. */
  watches(id: string): boolean {
    return this.#watched.has(id);
  }

  /** Tells what replaces what was told before of the same kind and run. */
  tell<N extends keyof StreamEvents & ("runs" | "run" | "drawing")>(
    name: N,
    data: StreamEvents[N],
  ): void {
    this.#waiting.set(`${name} ${"id" in data ? data.id : ""}`, { name, data });
  }

  /** Tells of an event of a run that it watches. */
  tellEvent(id: string, event: RunEvent): void {
    if (!this.watches(id)) return;
    if (event.type === "step") {
      const { stage, step, loss, gradNorm, lr, imagesPerSecond } = event;
      const data = { id, stage, step, loss, gradNorm, lr, imagesPerSecond };
      this.#waiting.set(`step ${id}`, { name: "step", data });
    } else if (TOLD.has(event.type) && this.#waiting.size < MOST_WAITING)
      this.#waiting.set(String(this.#count++), { name: event.type, data: { ...event, id } });
  }

  /** Sends what waits, unless the reader is behind. */
  flush(): void {
    if (!this.stream.keepsUp) return;
    for (const { name, data } of this.#waiting.values()) this.stream.send(name, data);
    this.#waiting.clear();
  }
}
