import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatasetEntry, Unreadable } from "../data/dataset.ts";
import { mapConcurrent } from "../data/map-concurrent.ts";
import { InternalError } from "../errors/index.ts";
import { ImageError, RgbImage } from "../images/index.ts";
import type { CaptionJournal } from "./caption-journal.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import type { ChatEndpoint } from "./chat-endpoint.ts";
import { EndpointError } from "./endpoint-error.ts";

/** Where in a prompt the picture's raw caption goes, as in PixArt-alpha's tools/VLM_caption_lightning.py. */
const CAPTION_PLACE = "{}";

/** Options of `captionPictures`. */
export interface CaptionPicturesOptions {
  readonly prompt: string;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** Longer side of the pictures that are sent, in pixels; smaller ones are not enlarged. */
  readonly maxSide: number;
  /** Requests, repeated ones included, after which no other is begun. */
  readonly maxRequests?: number | undefined;
  /** Tokens after which no request is begun: those under way may spend more. */
  readonly maxTotalTokens?: number | undefined;
  /** Ends the run; answers under way are lost. */
  readonly signal?: AbortSignal;
  /** Called as pictures are dealt with. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How a run ended. */
export interface CaptionRun {
  /** Captions that came now. */
  readonly answered: number;
  /** Pictures without one that were asked for, and why. */
  readonly failures: readonly Unreadable[];
  /** Pictures that were not asked for, because the run was stopped. */
  readonly left: number;
  readonly requests: number;
  /** As far as the endpoint counts them. */
  readonly tokens: number;
  /** Why it ended before every picture was asked for. */
  readonly stopped: "budget" | "interrupted" | Error | undefined;
}

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** So many pictures in a row without a caption, and the fault is not the pictures'. */
const MOST_FAILURES_IN_A_ROW = 10;

/** Asks for a caption of each picture, many at once, and writes every answer into the journal as it comes. */
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
      journal.append({ ...answer, file: entry.file, tokens: answer.tokens ?? null });
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

/** What all requests of a run share: the budget, the pause that the endpoint asked for, and why it ended. */
class Run {
  requests = 0;
  tokens = 0;
  stopped: CaptionRun["stopped"];
  readonly #endpoint: ChatEndpoint;
  readonly #options: CaptionPicturesOptions;
  /** No request before this moment. */
  #resumesAt = 0;
  /** Ends requests under way where the run can't go on. */
  readonly #ended = new AbortController();
  /** Ends pauses wherever it was stopped. */
  readonly #restless = new AbortController();

  constructor(endpoint: ChatEndpoint, options: CaptionPicturesOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    for (const { signal } of [this.#ended, this.#restless]) setMaxListeners(0, signal);
    if (options.signal?.aborted) this.stop("interrupted");
    options.signal?.addEventListener("abort", () => this.stop("interrupted"), { once: true });
  }

  /** Answers under way are still taken where the budget is spent, and in no other case. */
  stop(reason: CaptionRun["stopped"]): void {
    this.stopped ??= reason;
    this.#restless.abort();
    if (reason !== "budget") this.#ended.abort(reason);
  }

  /** Undefined where the run was stopped before. Throws ImageError, EndpointError, or why the run ended. */
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
          this.#resumesAt = Math.max(this.#resumesAt, Date.now() + error.waitMs);
        }
        await this.#rest(pauseMs(attempt));
      }
    }
  }

  /** What is left of the pause that the endpoint asked for, in ms. */
  #wait(): number {
    return this.stopped === undefined ? this.#resumesAt - Date.now() : 0;
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

/** Doubled at every attempt and spread, so that many that were refused together do not come back together. */
const pauseMs = (attempt: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);

/** A picture that a prompt with `{}` can't ask about. */
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

/** A picture whose longer side is at most so many pixels. */
export function shrunk(image: RgbImage, maxSide: number): Promise<RgbImage> {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  return image.resize(side(image.width), side(image.height));
}
