import type { App } from "../app-types.ts";
import { ApiError, modelLoading, shuttingDown } from "../http/api-error.ts";
import { KEPT } from "../jobs/result-store.ts";
import { MEDIA_TYPES } from "../pictures/encode-picture.ts";
import { requireEngine, type ServerContext } from "../server-context.ts";

/** Adds the endpoints for load balancers, monitors and picture URLs. */
export function addStateRoutes(app: App, server: ServerContext): void {
  app.get("/health", (c) => {
    requireEngine(server);
    return c.json({ status: "alive", version: server.version });
  });
  app.get("/ready", (c) => {
    if (server.isDraining()) throw shuttingDown();
    requireEngine(server);
    if (server.loader === undefined && !server.engines.some(({ isReady }) => isReady))
      throw modelLoading();
    return c.json({ status: "ready", models: [...server.models().keys()] });
  });
  app.get("/metrics", async (c) => {
    const { registry } = server.metrics;
    return c.body(await registry.metrics(), 200, { "content-type": registry.contentType });
  });
  app.get("/files/:name", (c) => {
    const file = server.files.get(c.req.param("name"));
    if (file === undefined)
      throw new ApiError(
        404,
        "file_not_found",
        `Expected the name of a file that is still kept: ${KEPT}`,
      );
    return c.body(new Uint8Array(file.bytes), 200, {
      "content-type": MEDIA_TYPES[file.format],
      "content-disposition": "inline",
      "cache-control": "private, max-age=3600, immutable",
      "cross-origin-resource-policy": "cross-origin",
    });
  });
}
