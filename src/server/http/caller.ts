import type { AppContext } from "../app-types.ts";
import { ApiError } from "./api-error.ts";
import { isSameOrigin, READS } from "./guard.ts";
import type { KeyHolder, Keys } from "./keys.ts";

/** Paths that need no key, because they reveal nothing or contain an unguessable name. */
const OPEN = /^\/(health|ready|docs|openapi\.json|files\/[^/]+)?$/;

/** Where a browser opens and closes a session: any key may, including a view-only one. */
export const SESSION_PATH = "/api/session";

/** Cookies ignore ports, so each server on a machine uses its own cookie name. */
export const sessionCookie = (c: AppContext): string =>
  `pixart-${c.env.incoming.socket.localPort ?? 0}`;

/** Whether a path of a page is open without a key. */
export type IsOpen = (path: string) => boolean;

/** Who sent a request. Throws an ApiError if a key is needed and missing, or if it is view-only. */
export function callerOf(c: AppContext, keys: Keys, isOpen: IsOpen): KeyHolder {
  const { path, method } = c.req;
  const isRead = READS.has(method);
  if (!keys.isNeeded)
    return { name: c.env.incoming.socket.remoteAddress ?? "local", canControl: true };
  const [, bearer] = /^Bearer\s+(.+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
  const key = bearer ?? c.req.header("api-key");
  const holder = key === undefined ? ofSession(c, keys, isRead) : keys.holderOf(key);
  const isSession = path === SESSION_PATH && !isRead;
  if (holder === undefined) {
    if (OPEN.test(path) || isSession || (isRead && isOpen(path)))
      return { name: "anybody", canControl: false };
    throw new ApiError(
      401,
      "invalid_api_key",
      "Expected one of this server's keys in Authorization: Bearer KEY, or in api-key",
    );
  }
  if (isRead || holder.canControl || isSession) return holder;
  throw new ApiError(403, "view_only", "Expected a key with more than read-only access");
}

/** The holder of the session cookie. Requests that change something must come from this server's own page. */
function ofSession(c: AppContext, keys: Keys, isRead: boolean): KeyHolder | undefined {
  const session = cookieOf(c.req.header("cookie") ?? "", sessionCookie(c));
  const holder = session === undefined ? undefined : keys.sessionHolder(session);
  if (holder === undefined || isRead || isOwnPage(c)) return holder;
  throw new ApiError(403, "forbidden_origin", "Expected a request from this server's own pages");
}

/** Judged by headers about the request's origin that only a browser can set, not a page. */
function isOwnPage(c: AppContext): boolean {
  const origin = c.req.header("origin");
  if (origin !== undefined) return isSameOrigin(origin, c.req.header("host") ?? "");
  return c.req.header("sec-fetch-site") === "same-origin";
}

function cookieOf(header: string, name: string): string | undefined {
  const pairs = header.split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([key]) => key === name)?.[1];
}
