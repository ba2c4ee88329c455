import type { App } from "../../server/app-types.ts";
import { servedModel } from "../draw/draw-models.ts";
import type { StudioContext } from "../studio-context.ts";

/** Adds the route for the list of models to draw with. */
export function addModelListRoutes(app: App, { models, server }: StudioContext): void {
  app.get("/api/models", async (c) => {
    const known = server.models();
    const offered = (await models?.list(known)) ?? [];
    const ids = new Set(offered.map(({ id }) => id));
    const served = [...server.servedNames]
      .filter((name) => !ids.has(name))
      .map((name) => servedModel(name, known.get(name)));
    return c.json({ models: [...served, ...offered] });
  });
}
