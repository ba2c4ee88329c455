/** How often a stream says that it lives. */
const KEEP_ALIVE_MS = 10_000;
/** Bytes that a reader may be behind before what can be left out is. */
const MOST_BEHIND = 4 * 2 ** 20;
/** Streams at once. */
const MOST_STREAMS = 32;

let open = 0;

/** Whether another stream may be opened. */
export const hasRoomForStream = (): boolean => open < MOST_STREAMS;

/** Server-sent events to one reader. */
export class EventStream {
  readonly #encoder = new TextEncoder();
  readonly #body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isOpen = true;
  #order = Promise.resolve();
  readonly #keepAlive: NodeJS.Timeout;

  /** @param onGone told when the reader has gone before the end */
  constructor(onGone: () => void) {
    open += 1;
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

  /** Whether the reader keeps up: what can be left out is left out where it does not. */
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

  /** Runs work when what was given before is done: encoding takes its time in other threads. Where it fails the stream ends. */
  inOrder(work: () => Promise<void> | void): void {
    this.#order = this.#order.then(work).catch(() => this.close());
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
