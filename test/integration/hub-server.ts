import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { RepositoryType } from "../../src/hub/repository-name.ts";

/** What goes wrong with a file's bytes, once. */
export interface Fault {
  readonly path: string;
  readonly kind: "cut" | "stall" | "corrupt";
  /** Bytes of the answer that are sent before. */
  readonly after?: number;
}

/** A request as it arrived. */
export interface Seen {
  readonly host: "hub" | "storage";
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

type Headers = Readonly<Record<string, string>>;
interface Answer {
  readonly status: number;
  readonly headers?: Headers;
  readonly body?: Buffer | string;
  /** The file that the body is of. */
  readonly file?: string;
}

const PAGE = 4;
const HERE = { hub: "127.0.0.1", storage: "127.0.0.1" };
const json = (value: unknown, headers: Headers = {}): Answer => ({
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const gitHash = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/**
 * A Hub of one repository on 127.0.0.1, with the routes and headers that huggingface_hub 2.4.0 relies on (`hf_api.py`,
 * `file_download.py`, `utils/_http.py`): a revision, its tree in pages, and files, small ones behind a redirect within
 * the host and large ones behind one to a second port, which stands for the storage.
 */
export class HubServer {
  readonly name: string;
  readonly type: RepositoryType;
  readonly requests: Seen[] = [];
  readonly faults: Fault[] = [];
  /** Where set, the only token that may read. */
  token: string | undefined;
  /** Where set, every answer of the Hub. */
  refusal: Answer | undefined;
  /** Whether the storage knows ranges. */
  hasRanges = true;
  /** Changes the tree before it is sent. */
  rewriteTree: (entry: Record<string, unknown>) => unknown = (entry) => entry;
  readonly #isLarge: (path: string) => boolean;
  readonly #commits = new Map<string, ReadonlyMap<string, Buffer>>();
  readonly #branches = new Map<string, string>();
  readonly #servers: Server[] = [];
  #hubUrl = "";
  #storageUrl = "";

  constructor(name: string, isLarge: (path: string) => boolean, type: RepositoryType = "model") {
    this.name = name;
    this.type = type;
    this.#isLarge = isLarge;
  }

  get endpoint(): string {
    return this.#hubUrl;
  }

  /** Makes a commit of these files and points a branch at it. */
  commit(files: Readonly<Record<string, Buffer | string>>, branch = "main"): string {
    const entries = Object.entries(files).map(([path, data]) => [path, Buffer.from(data)] as const);
    const names = entries.map(([path, data]) => `${path} ${gitHash(data)}`);
    const commit = createHash("sha1").update(names.join("\n")).digest("hex");
    this.#commits.set(commit, new Map(entries));
    this.#branches.set(branch, commit);
    return commit;
  }

  /** Listens on 127.0.0.1; its addresses have these hosts, which others than 127.0.0.1 only a proxy may know. */
  async start(hosts: Readonly<Record<Seen["host"], string>> = HERE): Promise<void> {
    const hub = await this.#listen("hub", (url, request) => this.#hub(url, request));
    const storage = await this.#listen("storage", (url, request) => this.#storage(url, request));
    this.#hubUrl = `http://${hosts.hub}:${hub}`;
    this.#storageUrl = `http://${hosts.storage}:${storage}`;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }

  /** `METHOD /path` of each request to a host, without queries. */
  log(host: Seen["host"]): string[] {
    const seen = this.requests.filter((request) => request.host === host);
    return seen.map(({ method, url }) => `${method} ${url.split("?")[0]}`);
  }

  async #listen(
    host: Seen["host"],
    answer: (url: URL, request: IncomingMessage) => Answer,
  ): Promise<number> {
    const server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      const { authorization, range } = headers;
      this.requests.push({ host, method, url, authorization, range });
      this.#send(response, answer(new URL(url, "http://127.0.0.1"), request), method);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  #send(response: ServerResponse, { status, headers, body = "", file }: Answer, method: string) {
    const bytes = Buffer.from(body);
    response.writeHead(status, { "content-length": bytes.length, ...headers });
    if (method === "HEAD") return response.end();
    const index = this.faults.findIndex(({ path }) => path === file);
    const [fault] = index < 0 ? [] : this.faults.splice(index, 1);
    if (fault?.kind === "corrupt") bytes.fill(0x2a);
    if (fault === undefined || fault.kind === "corrupt") return response.end(bytes);
    return response.write(bytes.subarray(0, fault.after ?? 0), () => {
      if (fault.kind === "cut") setTimeout(() => response.destroy(), 20);
    });
  }

  #hub(url: URL, { headers }: IncomingMessage): Answer {
    if (this.refusal) return this.refusal;
    const path = url.pathname;
    const [, api, plain, name, route, revision = "", file = ""] = (
      /^\/(?:api\/(models|datasets)\/|(datasets)\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)(?:\/(.*))?$/.exec(
        path.replace(/^\/api\/resolve-cache\/(\w+)\/([^/]+\/[^/]+)/, "/api/$1/$2/resolve"),
      ) ?? []
    ).map((part) => decodeURIComponent(part ?? ""));
    // Only models have addresses without their type.
    const isKnown = name === this.name && `${this.type}s` === (api || plain || "models");
    if (this.token && headers.authorization !== `Bearer ${this.token}`) {
      const words = headers.authorization
        ? "Invalid credentials in Authorization header"
        : "Invalid username or password.";
      return { status: 401, headers: { "x-error-message": words } };
    }
    if (!isKnown) return { status: 404, headers: { "x-error-code": "RepoNotFound" } };
    const commit = this.#branches.get(revision) ?? revision;
    const files = this.#commits.get(commit);
    if (files === undefined)
      return { status: 404, headers: { "x-error-code": "RevisionNotFound" } };
    if (route === "revision") {
      return json({ _id: "1", id: name, sha: commit, private: false, gated: false, siblings: [] });
    }
    if (route === "tree") return this.#tree(url, files);
    const data = files.get(file);
    const common = { "x-repo-commit": commit };
    if (data === undefined) {
      return { status: 404, headers: { ...common, "x-error-code": "EntryNotFound" } };
    }
    if (this.#isLarge(file)) {
      const location = `${this.#storageUrl}/bucket?commit=${commit}&file=${file}&Signature=secret`;
      const etag = `"${sha256(data)}"`;
      return {
        status: 302,
        headers: { ...common, location, "x-linked-etag": etag, "x-linked-size": `${data.length}` },
      };
    }
    if (!path.startsWith("/api/resolve-cache/")) {
      const location = `/api/resolve-cache/${this.type}s/${name}/${commit}/${encodeURIComponent(file)}`;
      return { status: 307, headers: { ...common, location } };
    }
    return this.#content(data, file, headers.range, { ...common, etag: `"${gitHash(data)}"` });
  }

  #tree(url: URL, files: ReadonlyMap<string, Buffer>): Answer {
    const entries = [...files].map(([path, data]) => ({
      type: "file",
      path,
      oid: gitHash(data),
      size: data.length,
      ...(this.#isLarge(path) && {
        lfs: { oid: sha256(data), size: data.length, pointerSize: 130 },
      }),
    }));
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url.pathname + url.search, this.#hubUrl);
    next.searchParams.set("cursor", `${start + PAGE}`);
    const link = start + PAGE < entries.length ? { link: `<${next}>; rel="next"` } : {};
    return json(
      entries.slice(start, start + PAGE).map((entry) => this.rewriteTree(entry)),
      link,
    );
  }

  #storage(url: URL, { headers }: IncomingMessage): Answer {
    const file = url.searchParams.get("file") ?? "";
    const data = this.#commits.get(url.searchParams.get("commit") ?? "")?.get(file);
    if (data === undefined) return { status: 404 };
    return this.#content(data, file, headers.range, { etag: '"storage-has-its-own"' });
  }

  #content(data: Buffer, file: string, range: string | undefined, headers: Headers): Answer {
    const start = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
    if (start === undefined || !this.hasRanges) return { status: 200, headers, body: data, file };
    const span = `bytes ${start}-${data.length - 1}/${data.length}`;
    const body = data.subarray(Number(start));
    return { status: 206, headers: { ...headers, "content-range": span }, body, file };
  }
}
