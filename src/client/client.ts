import { errorOf, PixartError } from "./pixart-error.ts";
import { type CallOptions, type EditOptions, editBody, type GenerateOptions } from "./requests.ts";
import {
  bytesOf,
  type DrawEvent,
  type DrawnPictures,
  drawnPictures,
  type ImagesAnswer,
  type JobAnswer,
} from "./results.ts";
import { serverEvents } from "./server-events.ts";

/** Address of a server, and credentials. */
export interface PixartClientOptions {
  /** Where the server is, with or without `/v1` at the end: `http://127.0.0.1:7470`. */
  readonly baseUrl: string;
  /** One of the server's keys, sent as `Authorization: Bearer`. Default: none, for a server without keys. */
  readonly apiKey?: string;
  /** Used instead of the global one. */
  readonly fetch?: typeof fetch;
}

/** Options of a watched call. */
export interface WatchOptions extends CallOptions {
  /** Previews per picture. Default: none. */
  readonly previews?: number;
}

const GENERATIONS = "/v1/images/generations";
const EDITS = "/v1/images/edits";

/**
 * A server started by `pixart serve`. Calls throw {@link PixartError} if it refuses or fails, and the signal's reason if they are
 * aborted.
 * @example
 * ```ts
 * const client = new PixartClient({ baseUrl: "http://127.0.0.1:7470" });
 * for await (const event of client.watch({ prompt: "a fox" }, { previews: 3 }))
 *   if (event.type === "progress") console.log(`${event.step} of ${event.total}`);
 * ```
 */
export class PixartClient {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;

  constructor({ baseUrl, apiKey, fetch: given }: PixartClientOptions) {
    this.#base = baseUrl.replace(/\/(v1\/?)?$/, "");
    this.#key = apiKey;
    // A browser's fetch must be called on its window.
    this.#fetch = given ?? ((input, init) => fetch(input, init));
  }

  /** Draws pictures from a prompt. */
  async generate(options: GenerateOptions, { signal }: CallOptions = {}): Promise<DrawnPictures> {
    return drawnPictures(await this.#post<ImagesAnswer>(GENERATIONS, options, signal));
  }

  /** Draws pictures from a picture and a prompt, redrawing all of it or the masked part. */
  async edit(options: EditOptions, { signal }: CallOptions = {}): Promise<DrawnPictures> {
    return drawnPictures(await this.#post<ImagesAnswer>(EDITS, await editBody(options), signal));
  }

  /** Draws pictures, yielding all events until they are done. Leaving the loop cancels it. */
  async *watch(
    options: GenerateOptions,
    call: WatchOptions = {},
  ): AsyncGenerator<DrawEvent, DrawnPictures, void> {
    return yield* this.follow(await this.begin(options, call), call);
  }

  /** The same for an edit. */
  async *watchEdit(
    options: EditOptions,
    call: WatchOptions = {},
  ): AsyncGenerator<DrawEvent, DrawnPictures, void> {
    return yield* this.follow(await this.beginEdit(options, call), call);
  }

  /** Starts drawing pictures whether or not anybody watches. Returns the job's id, which the server remembers for an hour. */
  begin(options: GenerateOptions, call: WatchOptions = {}): Promise<string> {
    return this.#begin(GENERATIONS, options, call);
  }

  /** The same for an edit. */
  async beginEdit(options: EditOptions, call: WatchOptions = {}): Promise<string> {
    return this.#begin(EDITS, await editBody(options), call);
  }

  /**
   * Yields the events of a started job, from its current state to its pictures. Leaving the loop cancels it; if the connection
   * breaks it continues, and can be followed again.
   * @param id of the job, from {@link begin} or {@link beginEdit}
   * @throws PixartError with `status` 0 if the job failed or was cancelled, with its `code`; with the status of the answer if the
   * server does not know the job, or refuses
   */
  async *follow(
    id: string,
    { signal }: CallOptions = {},
  ): AsyncGenerator<DrawEvent, DrawnPictures, void> {
    const place = `/v1/jobs/${id}`;
    let isOver = false;
    let isBroken = false;
    try {
      const events = await this.#send(`${place}/events`, signalled(signal));
      for await (const { name, data } of serverEvents(events.body ?? new ReadableStream())) {
        const event = JSON.parse(data);
        if (name === "queued") yield { type: name, position: event.position };
        if (name === "progress") yield { type: name, step: event.step, total: event.total };
        if (name === "preview") {
          const { picture, step, total } = event;
          const mediaType = `image/${event.output_format}`;
          yield { type: name, picture, step, total, bytes: bytesOf(event.b64_json), mediaType };
        }
        isOver = name === "completed" || name === "failed" || name === "cancelled";
        if (isOver) break;
      }
      const { result, error, status } = await this.#json<JobAnswer>(place, signalled(signal));
      if (error !== null) throw new PixartError(0, error);
      if (result === null) {
        const message = `Expected pictures but the job is ${status}`;
        throw new PixartError(0, { message, code: status, param: null });
      }
      const drawn = drawnPictures(result);
      yield { type: "completed", result: drawn };
      return drawn;
    } catch (error) {
      isBroken = signal?.aborted !== true;
      throw error;
    } finally {
      if (!isOver && !isBroken) await this.#send(place, { method: "DELETE" }).catch(() => {});
    }
  }

  /** Names of the server's models, its default first. */
  async models(): Promise<string[]> {
    const { data } = await this.#json<{ data: { id: string }[] }>("/v1/models", {});
    return data.map(({ id }) => id);
  }

  async #begin(
    path: string,
    options: object,
    { signal, previews = 0 }: WatchOptions,
  ): Promise<string> {
    const body = { ...options, partial_images: previews };
    const { id } = await this.#post<JobAnswer>(path, body, signal, { prefer: "respond-async" });
    return id;
  }

  #post<T>(
    path: string,
    body: object,
    signal: AbortSignal | undefined,
    headers: Record<string, string> = {},
  ): Promise<T> {
    return this.#json<T>(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      ...signalled(signal),
    });
  }

  async #json<T>(path: string, init: RequestInit): Promise<T> {
    return (await this.#send(path, init)).json() as Promise<T>;
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#key !== undefined) headers.set("authorization", `Bearer ${this.#key}`);
    const response = await this.#fetch(`${this.#base}${path}`, { ...init, headers });
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

const signalled = (signal: AbortSignal | undefined): RequestInit =>
  signal === undefined ? {} : { signal };
