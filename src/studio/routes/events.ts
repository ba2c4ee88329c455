import type { App } from "../../server/app-types.ts";
import { requireRoomForStream } from "../../server/http/sse.ts";
import type { StudioContext } from "../studio-context.ts";

const MOST_WATCHED = 16;

/** Adds the event stream of a tab. */
export function addEventRoutes(app: App, { watcher }: StudioContext): void {
  app.get("/api/events", (c) => {
    requireRoomForStream();
    const ids = (c.req.query("runs") ?? "").split(",").filter((id) => id !== "");
    return watcher.listen(new Set(ids.slice(0, MOST_WATCHED)));
  });
}
