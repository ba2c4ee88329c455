import { ApiError } from "./api-error.ts";

/** Interval of keep-alive messages in a stream. */
const KEEP_ALIVE_MS = 10_000;
/** Bytes that a reader may lag behind before optional events are skipped. */
const MOST_BEHIND = 4 * 2 ** 20;
/** Most concurrent streams. */
const MOST_STREAMS = 32;

let open = 0;

/** Throws an ApiError if no other stream may be opened now. */
export function requireRoomForStream(): void {
  if (open < MOST_STREAMS) return;
  throw new ApiError(429, "too_many_streams", "Too many streams are open", { retryAfter: 5 });
}

/** Server-sent events to one reader. */
export class EventStream {
  readonly #encoder = new TextEncoder();
  readonly #onGone: () => void;
  readonly #body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isOpen = true;
  #order = Promise.resolve();
  readonly #keepAlive: NodeJS.Timeout;

  /** @param onGone called if the reader disconnects, or the stream fails, before the end */
  constructor(onGone: () => void) {
    open += 1;
    this.#onGone = onGone;
    this.#body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          if (!this.#isOpen) return;
          this.#finish();
          onGone();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_BEHIND }),
    );
    this.#keepAlive = setInterval(() => this.#write(": keep-alive\n\n"), KEEP_ALIVE_MS);
  }

  /** Whether the reader keeps up; if not, optional events are skipped. */
  get keepsUp(): boolean {
    return this.#isOpen && (this.#controller?.desiredSize ?? 0) > 0;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The answer to send. */
  response(headers: Record<string, string>): Response {
    return new Response(this.#body, {
      headers: {
        ...headers,
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      },
    });
  }

  /** Runs work after all earlier work, because encoding takes time in other threads. If it fails, the stream ends. */
  inOrder(work: () => Promise<void> | void): void {
    this.#order = this.#order.then(work).catch(() => {
      if (!this.#isOpen) return;
      this.close();
      this.#onGone();
    });
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#finish();
    this.#controller?.close();
  }

  #write(text: string): void {
    if (this.#isOpen) this.#controller?.enqueue(this.#encoder.encode(text));
  }

  #finish(): void {
    this.#isOpen = false;
    open -= 1;
    clearInterval(this.#keepAlive);
  }
}
