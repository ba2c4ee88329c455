import type { HubEnvironment, HubToken } from "./environment.ts";
import { HubError, HubUnreachableError } from "./errors.ts";
import { nearestFolder } from "./model-name.ts";

/** A file of a revision, as the Hub lists it. */
export interface RemoteFile {
  readonly path: string;
  readonly size: number;
  /** The name of the content: its SHA-256 where it is kept outside git, else git's own hash of it. */
  readonly etag: string;
  readonly isLarge: boolean;
}

const MAX_REDIRECTS = 5;
const ANSWER_MS = 30_000;

/**
 * One model on the Hub. Routes and pages are @huggingface/hub's. Its cache is not used (2.17.5): `downloadFileToCacheDir`
 * neither resumes, nor checks size or hash, nor locks its `.incomplete` file, writes no refs for it, talks on stdout, and
 * sends the token on to the storage host that the Hub redirects to.
 */
export class HubClient {
  readonly #environment: HubEnvironment;
  readonly #token: HubToken | undefined;
  readonly #name: string;

  constructor(environment: HubEnvironment, name: string) {
    this.#environment = environment;
    this.#token = environment.token();
    this.#name = name;
  }

  /** The commit that a branch, tag or short commit stands for now. */
  async commitOf(revision: string): Promise<string> {
    const { modelInfo } = await import("@huggingface/hub");
    const { sha } = await modelInfo({
      name: this.#name,
      revision,
      additionalFields: ["sha"],
      hubUrl: this.#environment.endpoint,
      fetch: this.#fetchOf(revision),
    });
    return this.#checked("a commit", sha, /^[0-9a-f]{40}$/);
  }

  /** Every file of a commit, by its path. */
  async files(commit: string): Promise<ReadonlyMap<string, RemoteFile>> {
    const { listFiles } = await import("@huggingface/hub");
    const entries = listFiles({
      repo: this.#name,
      revision: commit,
      recursive: true,
      hubUrl: this.#environment.endpoint,
      fetch: this.#fetchOf(commit),
    });
    const files = new Map<string, RemoteFile>();
    for await (const { type, path, size, oid, lfs } of entries) {
      if (type !== "file") continue;
      // It becomes a file name of the cache.
      const etag = this.#checked("a hash", lfs?.oid ?? oid, /^([0-9a-f]{40}|[0-9a-f]{64})$/);
      files.set(path, { path, size: lfs?.size ?? size, etag, isLarge: lfs !== undefined });
    }
    return files;
  }

  /** Starts to send a file, from a byte of it on. */
  async open(commit: string, path: string, from: number, signal: AbortSignal): Promise<Response> {
    const escaped = path.split("/").map(encodeURIComponent).join("/");
    return this.#request(
      `${this.#environment.endpoint}/${this.#name}/resolve/${commit}/${escaped}`,
      {
        signal,
        // Sizes and ranges are of the file's own bytes.
        headers: { "accept-encoding": "identity", ...(from > 0 && { range: `bytes=${from}-` }) },
      },
      commit,
    );
  }

  #fetchOf(revision: string): typeof fetch {
    return (input, init) =>
      this.#request(
        input instanceof Request ? input.url : input.toString(),
        { ...init, signal: AbortSignal.timeout(ANSWER_MS) },
        revision,
      );
  }

  /** A request whose redirects are followed here, because the token may go to the endpoint alone. */
  async #request(address: string, init: RequestInit, revision: string): Promise<Response> {
    let url = new URL(address);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#send(url, init);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) {
        if (response.ok) return response;
        throw await this.#refusal(response, revision);
      }
      await response.body?.cancel();
      const next = new URL(location, url);
      if (next.protocol !== "https:" && next.protocol !== url.protocol) {
        throw new HubError(`${this.#name}: ${url.host} redirects to a place that is not https`);
      }
      url = next;
    }
    throw new HubError(`${this.#name}: ${url.host} redirects more than ${MAX_REDIRECTS} times`);
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const isEndpoint = url.origin === new URL(this.#environment.endpoint).origin;
    if (isEndpoint && this.#token) headers.set("authorization", `Bearer ${this.#token.value}`);
    try {
      return await fetch(url, { ...init, headers, redirect: "manual" });
    } catch (error) {
      throw new HubUnreachableError(
        `${this.#name}: ${url.host} could not be reached (${reasonOf(error)}); check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is cached`,
        { cause: error },
      );
    }
  }

  async #refusal(response: Response, revision: string): Promise<HubError> {
    const { status, headers } = response;
    await response.body?.cancel();
    const name = this.#name;
    const { endpoint } = this.#environment;
    const { host, pathname } = new URL(response.url);
    const code = headers.get("x-error-code");
    const words = headers.get("x-error-message");
    if (status === 429 || status >= 500) {
      return new HubUnreachableError(
        `${name}: ${host} answers ${status}; try again later, or set HF_HUB_OFFLINE=1 to use what is cached`,
      );
    }
    if (code === "GatedRepo") {
      return new HubError(
        `${name}: the model is gated (${status}); accept its conditions at ${endpoint}/${name} and set HF_TOKEN to a token of that account`,
      );
    }
    if (code === "RevisionNotFound") {
      return new HubError(
        `${name}: expected a branch, tag or commit of this model for revision but ${host} knows no ${JSON.stringify(revision)}`,
      );
    }
    if (this.#token && words === "Invalid credentials in Authorization header") {
      return new HubError(
        `${name}: ${host} refuses the token of ${this.#token.source} (${status}); make a new one at ${endpoint}/settings/tokens`,
      );
    }
    const right = this.#token
      ? `check that the token of ${this.#token.source} may read it`
      : "set HF_TOKEN to a token that may read it";
    if (code === "RepoNotFound" || status === 401) {
      // The Hub answers 401 for what does not exist too, so as not to tell which private models there are.
      const near = nearestFolder(name);
      const folder = near === undefined ? "" : ` or for the folder ${JSON.stringify(near)}`;
      return new HubError(
        `${name}: ${host} shows no model of this name (${status}); check the spelling${folder}, and for a private model ${right}`,
      );
    }
    if (status === 403) {
      return new HubError(
        `${name}: ${host} forbids access (403${words === null ? "" : `, ${words}`}); ${right}`,
      );
    }
    // Without the query: it may hold a signature that gives access.
    return new HubError(
      `${name}: expected an answer from ${host}${pathname} but received ${status}`,
    );
  }

  #checked(what: string, value: unknown, pattern: RegExp): string {
    if (typeof value === "string" && pattern.test(value)) return value;
    const found = JSON.stringify(value)?.slice(0, 80) ?? "nothing";
    throw new HubError(
      `${this.#name}: expected ${what} from ${this.#environment.endpoint} but received ${found}; check HF_ENDPOINT`,
    );
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException).code;
  return typeof code === "string"
    ? code
    : cause.name === "TimeoutError"
      ? "timeout"
      : cause.message;
}
