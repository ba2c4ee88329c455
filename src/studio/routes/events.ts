import type { App } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { hasRoomForStream } from "../../server/http/sse.ts";
import type { StudioContext } from "../studio-context.ts";

const MOST_WATCHED = 16;

/** Adds the event stream of a tab. */
export function addEventRoutes(app: App, { watcher }: StudioContext): void {
  app.get("/api/events", (c) => {
    if (!hasRoomForStream())
      throw new ApiError(429, "too_many_streams", "Too many streams are open", { retryAfter: 5 });
    const ids = (c.req.query("runs") ?? "").split(",").filter((id) => id !== "");
    return watcher.listen(new Set(ids.slice(0, MOST_WATCHED)));
  });
}
