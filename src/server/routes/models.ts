import type { z } from "zod";
import type { ModelAnswer, modelsAnswer } from "../answers/answer-schemas.ts";
import type { App } from "../app-types.ts";
import type { ModelFacts } from "../engine/engine-messages.ts";
import { modelOf } from "../requests/model-of.ts";
import type { ServerContext } from "../server-context.ts";

/** Adds the list of models. */
export function addModelRoutes(app: App, server: ServerContext): void {
  const created = Math.floor(Date.now() / 1000);
  const answer = (id: string): ModelAnswer => ({
    id,
    object: "model",
    created,
    owned_by: "local",
  });
  const offered = async (): Promise<readonly string[]> => (await server.loader?.names()) ?? [];
  /** Models that were loaded, without those that the catalog no longer has. */
  const known = (inCatalog: readonly string[]): Map<string, ModelFacts> => {
    const names = new Set([...server.servedNames, ...inCatalog]);
    return new Map([...server.models()].filter(([name]) => names.has(name)));
  };
  app.get("/v1/models", async (c) => {
    const inCatalog = await offered();
    const names = [...new Set([...known(inCatalog).keys(), ...inCatalog])];
    const own = names.filter((name) => name === server.firstModel);
    const others = names.filter((name) => name !== server.firstModel);
    const list: z.output<typeof modelsAnswer> = {
      object: "list",
      data: [...own, ...others].map(answer),
    };
    return c.json(list);
  });
  // Names may contain a slash, as on the Hub.
  app.get("/v1/models/:id{.+}", async (c) => {
    const id = c.req.param("id");
    const inCatalog = await offered();
    if (inCatalog.includes(id)) return c.json(answer(id));
    return c.json(answer(modelOf(id, known(inCatalog), server.firstModel).name));
  });
}
