import type { AppContext } from "../app-types.ts";
import { ApiError } from "./api-error.ts";
import { isSameOrigin, READS } from "./guard.ts";
import type { KeyHolder, Keys } from "./keys.ts";

/** What needs no key: it says nothing, or its address is the key. */
const OPEN = /^\/(health|ready|docs|openapi\.json|files\/[^/]+)?$/;

/** Where a browser begins and ends a session: whoever has a key may, also one that only looks. */
export const SESSION_PATH = "/api/session";

/** Cookies know no ports: each server of a machine has a name of its own. */
export const sessionCookie = (c: AppContext): string =>
  `pixart-${c.env.incoming.socket.localPort ?? 0}`;

/** Whether something of a page can be had without a key. */
export type IsOpen = (path: string) => boolean;

/** Whose request it is. Throws an ApiError where a key is needed and none is given, and where it may only look. */
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
  throw new ApiError(403, "view_only", "Expected a key that may do more than look");
}

/** Whose cookie it is. What changes something must say that it comes from this server's own page. */
function ofSession(c: AppContext, keys: Keys, isRead: boolean): KeyHolder | undefined {
  const session = cookieOf(c.req.header("cookie") ?? "", sessionCookie(c));
  const holder = session === undefined ? undefined : keys.sessionHolder(session);
  if (holder === undefined || isRead || isOwnPage(c)) return holder;
  throw new ApiError(403, "forbidden_origin", "Expected a request of this server's own pages");
}

/** By what a browser says of where a request comes from, and no page can. */
function isOwnPage(c: AppContext): boolean {
  const origin = c.req.header("origin");
  if (origin !== undefined) return isSameOrigin(origin, c.req.header("host") ?? "");
  return c.req.header("sec-fetch-site") === "same-origin";
}

function cookieOf(header: string, name: string): string | undefined {
  const pairs = header.split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([key]) => key === name)?.[1];
}
