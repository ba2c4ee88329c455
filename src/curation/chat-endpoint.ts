import { expected } from "../errors/index.ts";
import { readBody } from "../hub/limited-body.ts";
import { CHAT_ANSWER_BYTES, CHAT_REFUSAL_BYTES } from "../hub/network-limits.ts";
import { fetchThrough, reasonOf } from "../hub/proxy/fetch-through.ts";
import { type HttpProxy, proxyFor, throughProxy } from "../hub/proxy/proxy.ts";
import { type ChatAnswer, readChatAnswer, shortened } from "./chat-answer.ts";
import { endpointAddress, shownAddress } from "./endpoint-address.ts";
import { EndpointError, type EndpointFault } from "./endpoint-error.ts";
import { withoutKey } from "./hide-key.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Options of {@link ChatEndpoint}. */
export interface ChatEndpointOptions {
  /** Like OPENAI_BASE_URL, such as `http://localhost:8000/v1`. */
  readonly url: string;
  readonly model: string;
  /** Only sent to the endpoint's own address; never printed or stored. */
  readonly apiKey?: string | undefined;
  /** Longest caption, in tokens. Default 1024, as in PixArt's captioning script. */
  readonly maxTokens?: number;
  /** Timeout of one request. At most 300, Node's limit for the start of an answer. */
  readonly timeoutSeconds?: number;
  /** Further fields of the request; null removes one. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** PixArt-alpha, tools/VLM_caption_lightning.py. */
const TEMPERATURE = 0.2;
/** A longer wait than this is not a pause: the run ends, and the next one continues. */
const LONGEST_WAIT_MS = 600_000;
/** Reasons for which nothing was asked: no such name, no server, or a proxy that lets nobody through to it. */
const UNREACHED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|the proxy answers \d+)$/;

/** A `/chat/completions` endpoint of the OpenAI API for a model that accepts pictures: vLLM, llama.cpp, Ollama or a cloud. */
export class ChatEndpoint {
  readonly model: string;
  readonly #url: URL;
  readonly #where: string;
  readonly #proxy: HttpProxy | undefined;
  readonly #apiKey: string | undefined;
  readonly #timeoutMs: number;
  readonly #body: Readonly<Record<string, unknown>>;
  #hasAnswered = false;

  constructor({
    url,
    model,
    apiKey,
    maxTokens = 1024,
    timeoutSeconds = 300,
    body = {},
  }: ChatEndpointOptions) {
    if (!(timeoutSeconds > 0 && timeoutSeconds <= 300)) {
      throw expected("a number of seconds up to 300", "timeoutSeconds", timeoutSeconds);
    }
    this.model = model;
    this.#url = endpointAddress(url);
    this.#where = shownAddress(this.#url);
    this.#proxy = proxyFor(this.#url);
    this.#apiKey = apiKey;
    this.#timeoutMs = timeoutSeconds * 1000;
    const fields = { model, temperature: TEMPERATURE, max_tokens: maxTokens, ...body };
    this.#body = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  }

  /** Sends one request about one picture, given as JPEG. Throws EndpointError, or the signal's reason. */
  async describe(jpeg: Uint8Array, prompt: string, signal?: AbortSignal): Promise<ChatAnswer> {
    const url = `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}`;
    const content = [
      { type: "text", text: prompt },
      { type: "image_url", image_url: { url } },
    ];
    const { response, text } = await this.#post(
      JSON.stringify({ ...this.#body, messages: [{ role: "user", content }] }),
      signal,
    );
    if (!response.ok) throw this.#refusal(response, text);
    if (text === undefined) throw this.#endless();
    const answer = readChatAnswer(this.#where, text, (words) => this.#shown(words));
    this.#hasAnswered = true;
    return answer;
  }

  async #post(
    body: string,
    signal: AbortSignal | undefined,
  ): Promise<{ response: Response; text: string | undefined }> {
    const headers = new Headers({ "content-type": "application/json" });
    if (this.#apiKey !== undefined) headers.set("authorization", `Bearer ${this.#apiKey}`);
    // By hand: AbortSignal.any would add one dependent signal per request to the signal of a long run.
    signal?.throwIfAborted();
    const ended = new AbortController();
    const stop = (): void => ended.abort(signal?.reason);
    const timer = setTimeout(() => ended.abort(), this.#timeoutMs);
    signal?.addEventListener("abort", stop);
    try {
      const response = await fetchThrough(this.#proxy, this.#url, {
        method: "POST",
        headers,
        body,
        redirect: "manual",
        signal: ended.signal,
      });
      const limit = response.ok ? CHAT_ANSWER_BYTES : CHAT_REFUSAL_BYTES;
      const { text, isWhole } = await readBody(response, limit);
      return { response, text: isWhole || !response.ok ? text : undefined };
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unreached(error, ended.signal.aborted);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** No caption is that long: an endpoint that never returned one is not the right one. */
  #endless(): EndpointError {
    return new EndpointError(
      this.#hasAnswered ? "picture" : "endpoint",
      `${this.#where}: expected a chat completion of ${CHAT_ANSWER_BYTES / 2 ** 20} MiB at most but received more; check the endpoint's address`,
    );
  }

  #unreached(error: unknown, timedOut: boolean): EndpointError {
    const reason = timedOut ? `no answer in ${this.#timeoutMs / 1000} s` : reasonOf(error);
    // A name or port that never answered is more often a mistake than an outage.
    const isMistake = !this.#hasAnswered && UNREACHED.test(reason);
    const settings = this.#proxy === undefined ? "" : ` and ${this.#proxy.source}`;
    return new EndpointError(
      isMistake ? "endpoint" : "later",
      `${this.#where} could not be reached${throughProxy(this.#proxy)} (${reason}); check its address${settings}, and that the server is running`,
      { cause: error },
    );
  }

  #refusal({ status, headers }: Response, body = ""): EndpointError {
    const { code, message } = errorIn(body);
    const words = this.#shown(message);
    const answer = `${this.#where} answers ${status}${words === "" ? "" : ` (${words})`}`;
    const waitMs = retryAfterMs(headers);
    if (waitMs !== undefined && waitMs > LONGEST_WAIT_MS) {
      return new EndpointError(
        "endpoint",
        `${answer} and asks to wait ${Math.ceil(waitMs / 60_000)} minutes; run the same command again after that`,
      );
    }
    if (code === "insufficient_quota") {
      return new EndpointError(
        "endpoint",
        `${answer}; the account's quota is used up: run the same command again when more is available`,
      );
    }
    const fault = faultOf(status);
    const advice = this.#adviceFor(status, headers);
    return new EndpointError(fault, advice === undefined ? answer : `${answer}; ${advice}`, {
      ...(waitMs !== undefined && { waitMs }),
    });
  }

  #adviceFor(status: number, headers: Headers): string | undefined {
    if (status === 401 || status === 403) {
      return this.#apiKey === undefined
        ? "name the environment variable that holds a key: --api-key-env"
        : "check the key in the variable that --api-key-env names";
    }
    if (status === 402) return "the account must be paid";
    if (status === 404 || status === 405) {
      return `check --endpoint, and that it has a model named ${JSON.stringify(this.model)}`;
    }
    if (status >= 300 && status < 400) {
      const location = headers.get("location");
      const to = location !== null && URL.canParse(location, this.#url.href);
      return to
        ? `it redirects to ${shownAddress(new URL(location, this.#url))}: give that as --endpoint if it is right`
        : "check --endpoint";
    }
    if (status === 413) return "send smaller pictures: --max-side";
    return undefined;
  }

  /** Servers may repeat what they were sent, including the key. */
  #shown(words: string): string {
    const key = this.#apiKey;
    if (key === undefined) return shortened(words);
    return shortened(withoutKey(words, key, [this.model, this.#where]));
  }
}

function faultOf(status: number): EndpointFault {
  if (status === 408 || status === 409 || status === 429 || status >= 500) return "later";
  const isForAll = status < 400 || [401, 402, 403, 404, 405].includes(status);
  return isForAll ? "endpoint" : "picture";
}

/** OpenAI and vLLM answer `{error: {message, code}}`, Ollama `{error: "…"}`, FastAPI `{detail}`, others anything. */
function errorIn(body: string): { readonly code: unknown; readonly message: string } {
  try {
    const { error, message, detail } = JSON.parse(body) as Record<string, unknown>;
    if (typeof error === "object" && error !== null) {
      const inner = error as { readonly code?: unknown; readonly message?: unknown };
      return { code: inner.code, message: String(inner.message ?? "") };
    }
    const words = error ?? message ?? detail ?? "";
    return { code: undefined, message: typeof words === "string" ? words : JSON.stringify(words) };
  } catch {
    // A proxy's error page: its tags are not useful.
    return { code: undefined, message: body.trimStart().startsWith("<") ? "" : body };
  }
}
