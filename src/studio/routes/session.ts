import type { App, AppContext } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { SESSION_PATH, sessionCookie } from "../../server/http/caller.ts";
import type { SessionState } from "../api-types.ts";
import { sessionRequest } from "../start/start-request.ts";
import type { StudioContext } from "../studio-context.ts";
import { bodyOf, rightsOf } from "./requests.ts";

/** Adds the route where a browser presents a key once: EventSource and a page's pictures cannot send one. */
export function addSessionRoutes(app: App, studio: StudioContext): void {
  const { keys } = studio.server;
  const setCookie = (c: AppContext, value: string, seconds: number): void =>
    c.header(
      "set-cookie",
      `${sessionCookie(c)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict`,
    );
  app.get(SESSION_PATH, (c) => c.json<SessionState>(rightsOf(c.get("canControl"), studio)));
  app.post(SESSION_PATH, async (c) => {
    const { key } = await bodyOf(c, sessionRequest);
    if (!keys.isNeeded) return c.json<SessionState>(rightsOf(true, studio));
    const opened = keys.openSession(key);
    const holder = keys.holderOf(key);
    if (opened === undefined || holder === undefined)
      throw new ApiError(401, "invalid_api_key", "Expected one of this server's keys for key");
    setCookie(c, opened.session, opened.seconds);
    return c.json<SessionState>(rightsOf(holder.canControl, studio));
  });
  app.delete(SESSION_PATH, (c) => {
    setCookie(c, "", 0);
    return c.body(null, 204);
  });
}
