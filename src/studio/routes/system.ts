import type { App } from "../../server/app-types.ts";
import type { StudioContext } from "../studio-context.ts";
import { SystemReport } from "../system-state.ts";

/** Adds the route for information about this machine. */
export function addSystemRoutes(app: App, studio: StudioContext): void {
  const report = new SystemReport(studio);
  app.get("/api/system", async (c) => c.json(await report.state(c.get("client"))));
}
