import type { Context } from "hono";
import { streamSSE } from "hono/streaming";

type Send = (event: string, data: unknown) => void;

/** Open streams of events, to which all that happens is told. */
export class EventStreams {
  /** With the runs that each watches. */
  readonly #open = new Map<Send, string>();
  readonly #ends = new Set<() => void>();

  /** A new reader. */
  open(c: Context): Response {
    return streamSSE(c, async (stream) => {
      const send: Send = (event, data) =>
        void stream.writeSSE({ event, data: JSON.stringify(data) }).catch(() => {});
      this.#open.set(send, c.req.query("runs") ?? "");
      await stream.write(": here\n\n");
      await new Promise<void>((resolve) => {
        this.#ends.add(resolve);
        stream.onAbort(resolve);
      });
      this.#open.delete(send);
    });
  }

  /** What each reader watches: ids with commas between. */
  get watched(): string[] {
    return [...this.#open.values()];
  }

  send(event: string, data: unknown): void {
    for (const send of this.#open.keys()) send(event, data);
  }

  close(): void {
    for (const end of this.#ends) end();
  }
}
