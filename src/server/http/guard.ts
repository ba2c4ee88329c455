import { isIP } from "node:net";
import { hostname } from "node:os";
import { ApiError } from "./api-error.ts";

/** The properties of a request that decide whether it is accepted. */
export interface GuardedRequest {
  readonly method: string;
  readonly path: string;
  readonly header: (name: string) => string | undefined;
}

/** Who may send requests, in addition to this machine's own names. */
export interface GuardOptions {
  readonly allowHosts: readonly string[];
  /** Origins of other pages whose scripts may call. */
  readonly allowOrigins: readonly string[];
  /** What may be opened from another site by a link, in addition to `/`. */
  readonly isPage?: (path: string) => boolean;
}

/** Only these may be opened from another site, by a link. */
const LINKED: ReadonlySet<string> = new Set(["/", "/docs"]);
/** Pictures under names that can't be guessed: whoever was given one may link to it and show it. */
const FILES = "/files/";
const OWN_SITES: ReadonlySet<string> = new Set(["none", "same-origin"]);
/** The methods that change nothing. */
export const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const BODY_TYPES = /^(application\/json|multipart\/form-data)\s*(;|$)/i;

/**
 * Refuses what a foreign page could send: requests to other names for this address (DNS rebinding), from other origins, and
 * forms, which need no script. Throws an ApiError.
 */
export function guard(
  { method, path, header }: GuardedRequest,
  { allowHosts, allowOrigins, isPage = () => false }: GuardOptions,
): void {
  const host = header("host") ?? "";
  if (!isOwnHost(host, allowHosts)) {
    throw new ApiError(
      403,
      "forbidden_host",
      "Expected one of this machine's names for Host; allow others with --allow-host",
    );
  }
  const origin = header("origin");
  const isAllowed = origin !== undefined && allowOrigins.includes(origin);
  if (origin !== undefined && !isAllowed && !isSameOrigin(origin, host)) {
    throw new ApiError(
      403,
      "forbidden_origin",
      "Expected this server's own origin; allow others with --allow-origin",
    );
  }
  const site = header("sec-fetch-site");
  const isLink = method === "GET" && (LINKED.has(path) || path.startsWith(FILES) || isPage(path));
  if (site !== undefined && !OWN_SITES.has(site) && !isAllowed && !isLink) {
    throw new ApiError(403, "forbidden_origin", "Expected a request from this server's own pages");
  }
  if (READS.has(method) || method === "DELETE") return;
  if (!BODY_TYPES.test(header("content-type") ?? "")) {
    throw new ApiError(
      415,
      "unsupported_media_type",
      "Expected application/json or multipart/form-data for Content-Type",
    );
  }
}

/** A name of this machine, an IP address (which involves no name server), or an allowed name. */
function isOwnHost(host: string, allowed: readonly string[]): boolean {
  const [, name = ""] = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d+)?$/i.exec(host) ?? [];
  const plain = name.toLowerCase();
  if (plain === "") return false;
  if (isIP(plain.replace(/^\[|\]$/g, "")) !== 0) return true;
  return [
    "localhost",
    hostname().toLowerCase(),
    ...allowed.map((one) => one.toLowerCase()),
  ].includes(plain);
}

/** Whether `origin` is that of the server reached as `host`. */
export const isSameOrigin = (origin: string, host: string): boolean =>
  origin === `http://${host}` || origin === `https://${host}`;

/**
 * Headers that let an allowed page's script send a request and read its answer. Scripts may send any headers: OpenAI's client has
 * many of its own.
 */
export function corsHeaders(
  header: GuardedRequest["header"],
  { allowOrigins }: Pick<GuardOptions, "allowOrigins">,
): Record<string, string> {
  const origin = header("origin");
  if (origin === undefined || !allowOrigins.includes(origin)) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers":
      header("access-control-request-headers") ?? "authorization, api-key, content-type, prefer",
    "access-control-expose-headers":
      "x-request-id, location, retry-after, pixart-seconds, pixart-job",
    vary: "origin",
  };
}
