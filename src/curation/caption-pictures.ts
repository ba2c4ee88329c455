import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatasetEntry, Unreadable } from "../data/dataset.ts";
import { mapConcurrent } from "../data/map-concurrent.ts";
import { InternalError } from "../errors/index.ts";
import { fitted, ImageError, RgbImage } from "../images/index.ts";
import type { CaptionJournal } from "./caption-journal.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import type { ChatEndpoint } from "./chat-endpoint.ts";
import { denseCaptionOf } from "./dense-caption.ts";
import { EndpointError } from "./endpoint-error.ts";

/** Placeholder for the picture's raw caption in a prompt, as in PixArt-alpha's tools/VLM_caption_lightning.py. */
const CAPTION_PLACE = "{}";

/** Options of `captionPictures`. */
export interface CaptionPicturesOptions {
  readonly prompt: string;
  /** Concurrent requests. */
  readonly concurrency: number;
  /** Longer side, in pixels, of the pictures that are sent; smaller ones are not enlarged. */
  readonly maxSide: number;
  /** Most requests, including repeated ones. */
  readonly maxRequests?: number | undefined;
  /** Tokens after which no request is started; pending ones may spend more. */
  readonly maxTotalTokens?: number | undefined;
  /** Ends the run; pending answers are lost. */
  readonly signal?: AbortSignal;
  /** Called as pictures are finished. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How a run ended. */
export interface CaptionRun {
  /** Number of new captions. */
  readonly answered: number;
  /** Pictures that were sent without getting a caption, with the reason. */
  readonly failures: readonly Unreadable[];
  /** Number of pictures that were not sent because the run was stopped. */
  readonly left: number;
  readonly requests: number;
  /** As counted by the endpoint. */
  readonly tokens: number;
  /** Why it ended before every picture was sent. */
  readonly stopped: "budget" | "interrupted" | Error | undefined;
}

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** After this many failed pictures in a row, the cause is not the pictures. */
const MOST_FAILURES_IN_A_ROW = 10;

/** Requests a caption for each picture, several at once, and writes every answer to the journal as it arrives. */
export async function captionPictures(
  entries: readonly DatasetEntry[],
  endpoint: ChatEndpoint,
  journal: CaptionJournal,
  options: CaptionPicturesOptions,
): Promise<CaptionRun> {
  const run = new Run(endpoint, options);
  const failed: Unreadable[] = [];
  let answered = 0;
  let done = 0;
  let inARow = 0;
  await mapConcurrent(entries, options.concurrency, async (entry) => {
    if (run.stopped !== undefined) return;
    try {
      const answer = await run.ask(entry, promptFor(entry, options.prompt));
      if (answer === undefined) return;
      journal.append({
        ...answer,
        file: entry.file,
        replaces: denseCaptionOf(entry),
        tokens: answer.tokens ?? null,
      });
      answered += 1;
      inARow = 0;
    } catch (error) {
      if (options.signal?.aborted) return run.stop("interrupted");
      if (error instanceof ImageError || error instanceof NoRawCaption)
        failed.push({ path: entry.path, reason: error.reason });
      else if (error instanceof EndpointError && error.fault !== "endpoint") {
        failed.push({ path: entry.path, reason: error.message });
        inARow += 1;
        if (inARow === MOST_FAILURES_IN_A_ROW) run.stop(tooMany(inARow, error));
      } else return run.stop(error instanceof Error ? error : new InternalError(String(error)));
    }
    done += 1;
    options.onProgress?.(done, entries.length);
  });
  return {
    answered,
    failures: failed.sort((a, b) => (a.path < b.path ? -1 : 1)),
    left: entries.length - done,
    requests: run.requests,
    tokens: run.tokens,
    stopped: run.stopped,
  };
}

const tooMany = (count: number, { message }: Error): Error =>
  new EndpointError(
    "endpoint",
    `Stopped after ${count} pictures in a row without a caption; the last: ${message}`,
  );

/** State shared by all requests of a run: the budget, the pause requested by the endpoint, and why it ended. */
class Run {
  requests = 0;
  tokens = 0;
  stopped: CaptionRun["stopped"];
  readonly #endpoint: ChatEndpoint;
  readonly #options: CaptionPicturesOptions;
  /** No request is sent before this time, in ms of `performance.now()`, which no change of the clock affects. */
  #resumesAt = 0;
  /** Aborts pending requests if the run can't continue. */
  readonly #ended = new AbortController();
  /** Ends pauses whenever the run is stopped. */
  readonly #restless = new AbortController();

  constructor(endpoint: ChatEndpoint, options: CaptionPicturesOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    for (const { signal } of [this.#ended, this.#restless]) setMaxListeners(0, signal);
    if (options.signal?.aborted) this.stop("interrupted");
    options.signal?.addEventListener("abort", () => this.stop("interrupted"), { once: true });
  }

  /** If the budget is spent, pending answers are still accepted; in no other case. */
  stop(reason: CaptionRun["stopped"]): void {
    this.stopped ??= reason;
    this.#restless.abort();
    if (reason !== "budget") this.#ended.abort(reason);
  }

  /** Undefined if the run was stopped before. Throws ImageError, EndpointError, or the reason why the run ended. */
  async ask(entry: DatasetEntry, prompt: string): Promise<ChatAnswer | undefined> {
    const jpeg = await pictureToSend(entry, this.#options.maxSide);
    for (let attempt = 1; ; attempt += 1) {
      for (let wait = this.#wait(); wait > 0; wait = this.#wait()) await this.#rest(wait);
      if (!this.#spend()) return undefined;
      try {
        const answer = await this.#endpoint.describe(jpeg, prompt, this.#ended.signal);
        this.tokens += answer.tokens ?? 0;
        return answer;
      } catch (error) {
        const mayComeLater = error instanceof EndpointError && error.fault === "later";
        if (!mayComeLater || attempt === ATTEMPTS) throw error;
        if (error.waitMs !== undefined) {
          this.#resumesAt = Math.max(this.#resumesAt, performance.now() + error.waitMs);
        }
        await this.#rest(pauseMs(attempt));
      }
    }
  }

  /** The rest of the pause requested by the endpoint, in ms. */
  #wait(): number {
    return this.stopped === undefined ? this.#resumesAt - performance.now() : 0;
  }

  async #rest(ms: number): Promise<void> {
    const { signal } = this.#restless;
    await sleep(ms, undefined, { signal }).catch(() => {}); // the run was stopped: #spend says so
  }

  #spend(): boolean {
    const { maxRequests = Infinity, maxTotalTokens = Infinity } = this.#options;
    if (this.stopped !== undefined) return false;
    if (this.requests >= maxRequests || this.tokens >= maxTotalTokens) {
      this.stop("budget");
      return false;
    }
    this.requests += 1;
    return true;
  }
}

/** Doubled at every attempt, with random spread, so that requests that were refused together are not repeated together. */
const pauseMs = (attempt: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);

/** The prompt contains `{}`, but the picture has no raw caption. */
class NoRawCaption extends Error {
  readonly reason = "it has no raw caption for the {} of the prompt";
}

function promptFor({ text }: DatasetEntry, prompt: string): string {
  if (!prompt.includes(CAPTION_PLACE)) return prompt;
  if (text === "") throw new NoRawCaption();
  return prompt.replaceAll(CAPTION_PLACE, () => text);
}

async function pictureToSend(entry: DatasetEntry, maxSide: number): Promise<Uint8Array> {
  const image = await RgbImage.decode(await entry.read(), { name: entry.path });
  return (await shrunk(image, maxSide)).encodeJpeg();
}

/** Reduces a picture to at most `maxSide` pixels on its longer side. */
export async function shrunk(image: RgbImage, maxSide: number): Promise<RgbImage> {
  return Math.max(image.width, image.height) <= maxSide ? image : fitted(image, maxSide);
}
