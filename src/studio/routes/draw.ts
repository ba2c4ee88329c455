import type { App } from "../../server/app-types.ts";
import { servedModel } from "../draw/draw-models.ts";
import type { StudioContext } from "../studio-context.ts";

/** Adds the route for the list of models to draw with. */
export function addModelListRoutes(app: App, { models, server }: StudioContext): void {
  app.get("/api/models", async (c) => {
    const known = server.models();
    const offered = (await models?.list(known)) ?? [];
    const ids = new Set(offered.map(({ id }) => id));
    // A model that was loaded for a run is no longer offered once its checkpoint is gone.
    const served = [...known.values()]
      .filter(({ name }) => server.servedNames.has(name) && !ids.has(name))
      .map(servedModel);
    return c.json({ models: [...served, ...offered] });
  });
}
