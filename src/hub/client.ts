import type { HubEnvironment, HubToken } from "./environment.ts";
import {
  HubError,
  HubUnreachableError,
  UnknownRepositoryError,
  UnknownRevisionError,
} from "./errors.ts";
import { readBody } from "./limited-body.ts";
import { HUB_ANSWER_BYTES, HUB_ANSWER_MS, HUB_LISTING, MAX_REDIRECTS } from "./network-limits.ts";
import { inUnits } from "./progress/progress.ts";
import { fetchThrough, reasonOf } from "./proxy/fetch-through.ts";
import { proxyFor, throughProxy } from "./proxy/proxy.ts";
import { GIT_HASH, INNER_PATH, type RemoteFile, SHA256 } from "./remote-file.ts";
import { KINDS, type Repository } from "./repository-name.ts";

/**
 * One repository on the Hub. Routes and pages are @huggingface/hub's. Its cache is not used (2.17.5): `downloadFileToCacheDir`
 * neither resumes, nor checks size or hash, nor locks its `.incomplete` file, writes no refs for it, prints to stdout, and sends
 * the token to the storage host that the Hub redirects to.
 */
export class HubClient {
  readonly #environment: HubEnvironment;
  readonly #token: HubToken | undefined;
  readonly #repository: Repository;

  constructor(environment: HubEnvironment, repository: Repository) {
    this.#environment = environment;
    this.#token = environment.token();
    this.#repository = repository;
  }

  get #name(): string {
    return this.#repository.name;
  }

  /** URL of its page and its files. */
  get #address(): string {
    const { type, name } = this.#repository;
    return `${this.#environment.endpoint}/${type === "model" ? "" : `${type}s/`}${name}`;
  }

  /** The commit that a branch, tag or short commit points to now. */
  async commitOf(revision: string): Promise<string> {
    const { datasetInfo, modelInfo } = await import("@huggingface/hub");
    const question = {
      name: this.#name,
      revision,
      additionalFields: ["sha" as const],
      hubUrl: this.#environment.endpoint,
      fetch: this.#fetchOf(revision),
    };
    const { sha } =
      this.#repository.type === "model" ? await modelInfo(question) : await datasetInfo(question);
    return this.#checked("a commit", sha, /^[0-9a-f]{40}$/);
  }

  /** Every file of a commit, by its path. */
  async files(commit: string): Promise<ReadonlyMap<string, RemoteFile>> {
    const { listFiles } = await import("@huggingface/hub");
    const entries = listFiles({
      repo: this.#repository,
      revision: commit,
      recursive: true,
      hubUrl: this.#environment.endpoint,
      fetch: this.#fetchOf(commit),
    });
    const files = new Map<string, RemoteFile>();
    for await (const { type, path, size, oid, lfs, xetHash } of entries) {
      if (type !== "file") continue;
      // They become file names of the cache.
      this.#checked("a path inside the repository", path, INNER_PATH);
      const bytes = this.#size(path, lfs?.size ?? size);
      const blobId = this.#checked("a hash", oid, GIT_HASH);
      const etag = lfs === undefined ? blobId : this.#checked("a hash", lfs.oid, SHA256);
      files.set(path, {
        path,
        size: bytes,
        etag,
        isLarge: lfs !== undefined,
        blobId,
        xetHash: xetHash === undefined ? undefined : this.#checked("a hash", xetHash, SHA256),
      });
    }
    return files;
  }

  /** Starts downloading a file from a byte offset. */
  async open(commit: string, path: string, from: number, signal: AbortSignal): Promise<Response> {
    const escaped = path.split("/").map(encodeURIComponent).join("/");
    return this.#request(
      `${this.#address}/resolve/${commit}/${escaped}`,
      {
        signal,
        // Sizes and ranges refer to the file's own bytes.
        headers: { "accept-encoding": "identity", ...(from > 0 && { range: `bytes=${from}-` }) },
      },
      commit,
    );
  }

  /** Fetches one JSON answer, or the pages of one, within their limits. */
  #fetchOf(revision: string): typeof fetch {
    const asked = new Set<string>();
    const end = performance.now() + HUB_LISTING.ms;
    let bytes = 0;
    return async (input, init) => {
      const address = input instanceof Request ? input.url : input.toString();
      const left = end - performance.now();
      if (asked.has(address)) throw this.#endless(address, "pages that end", "the same page again");
      if (asked.size === HUB_LISTING.pages || left <= 0) {
        const most = `${HUB_LISTING.pages} pages in ${HUB_LISTING.ms / 60_000} minutes at most`;
        throw this.#endless(address, most, `a further one after ${asked.size}`);
      }
      asked.add(address);
      const signal = AbortSignal.timeout(Math.ceil(Math.min(HUB_ANSWER_MS, left)));
      const response = await this.#request(address, { ...init, signal }, revision);
      const limit = Math.min(HUB_ANSWER_BYTES, HUB_LISTING.bytes - bytes);
      const { text, length, isWhole } = await readBody(response, limit).catch((error: unknown) => {
        throw this.#unreachable(new URL(address), error);
      });
      bytes += length;
      if (!isWhole) throw this.#endless(address, `${inUnits(limit)} at most`, "more");
      this.#requireJson(address, response, text);
      return new Response(text, { headers: response.headers });
    };
  }

  #endless(address: string, expected: string, received: string): HubError {
    const { host, pathname } = new URL(address);
    return new HubError(
      `${this.#name}: expected ${expected} from ${host}${pathname} but received ${received}; check HF_ENDPOINT and the network`,
    );
  }

  /** Networks that require a login answer any request with a page of their own. */
  #requireJson(address: string, { headers }: Response, text: string): void {
    try {
      JSON.parse(text);
      return;
    } catch {
      // reported below
    }
    const isPage = /^\s*</.test(text) || /\bhtml\b/i.test(headers.get("content-type") ?? "");
    const title = /<title[^>]*>([^<]{1,80})/i.exec(text.slice(0, 100_000))?.[1]?.trim();
    const found = isPage
      ? `a web page${title ? ` (${JSON.stringify(title)})` : ""}; this network may want a login in a browser first`
      : text === ""
        ? "nothing"
        : JSON.stringify(text.slice(0, 80));
    const { host, pathname } = new URL(address);
    throw new HubUnreachableError(
      `${this.#name}: expected JSON from ${host}${pathname} but received ${found}${isPage ? ". Otherwise check" : "; check"} HF_ENDPOINT`,
    );
  }

  /** A request whose redirects are followed here, because the token may only go to the endpoint. */
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
    const proxy = proxyFor(url);
    try {
      return await fetchThrough(proxy, url, { ...init, headers, redirect: "manual" });
    } catch (error) {
      throw this.#unreachable(url, error);
    }
  }

  #unreachable(url: URL, error: unknown): HubUnreachableError {
    const proxy = proxyFor(url);
    const settings = proxy === undefined ? " and" : `, ${proxy.source} and`;
    return new HubUnreachableError(
      `${this.#name}: ${url.host} could not be reached${throughProxy(proxy)} (${reasonOf(error)}); check the network${settings} HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is cached`,
      { cause: error },
    );
  }

  async #refusal(response: Response, revision: string): Promise<HubError> {
    const { status, headers } = response;
    await response.body?.cancel();
    const { name } = this.#repository;
    const kind = KINDS[this.#repository.type];
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
        `${name}: the ${kind} is gated (${status}); accept its conditions at ${this.#address} and set HF_TOKEN to a token of that account`,
      );
    }
    if (words === "Access to this resource is disabled.") {
      return new HubError(
        `${name}: ${host} has disabled the ${kind} (${status}), so nobody can download it; use another one`,
      );
    }
    if (code === "RevisionNotFound") {
      return new UnknownRevisionError(
        `${name}: expected a branch, tag or commit of this ${kind} for revision but ${host} has no ${JSON.stringify(revision)}`,
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
      // The Hub also answers 401 for what does not exist, so as not to reveal which private repositories exist.
      return new UnknownRepositoryError(
        `${name}: ${host} shows no ${kind} of this name (${status}); check the spelling, and for a private ${kind} ${right}`,
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

  #size(path: string, value: unknown): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw new HubError(
      `${this.#name}: expected the size of ${path} from ${this.#environment.endpoint} but received ${JSON.stringify(value)?.slice(0, 80) ?? "nothing"}; check HF_ENDPOINT`,
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
