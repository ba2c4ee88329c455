import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { App, AppContext, AppEnv } from "./app-types.ts";
import { ApiError } from "./http/api-error.ts";
import { callerOf } from "./http/caller.ts";
import { corsHeaders, guard } from "./http/guard.ts";
import { addDocumentRoutes } from "./routes/documents.ts";
import { addImageRoutes } from "./routes/images.ts";
import { addJobRoutes } from "./routes/jobs.ts";
import { addModelRoutes } from "./routes/models.ts";
import { addStateRoutes } from "./routes/state.ts";
import type { ServerContext } from "./server-context.ts";

/** Path pattern of middleware. */
const EVERYWHERE = "/*";

const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** Additional routes of an app, behind the same guard. */
export interface AppExtension {
  /**
   * Whether a path may be opened from other sites by a link, and read without a key: true for a page that contains no data
   * itself.
   */
  readonly isPage: (path: string) => boolean;
  /** Adds its routes, before the server's own. */
  readonly addRoutes: (app: App, server: ServerContext) => void;
  /** Stops its own activities and its streams, which would keep the server from ending. */
  readonly stop: () => void;
}

const NO_PAGE: AppExtension = { isPage: () => false, addRoutes: () => {}, stop: () => {} };

/** The server's routes behind its guard, and those of the extension. */
export function createApp(server: ServerContext, extension: AppExtension = NO_PAGE): App {
  const app: App = new Hono<AppEnv>();
  app.use(async (c, next) => {
    const start = performance.now();
    const requestId = randomUUID();
    c.set("requestId", requestId);
    await next();
    // Hono drops the body of an answer to HEAD without a word to whoever writes it.
    if (c.req.method === "HEAD") await c.res.body?.cancel();
    c.res.headers.set("x-request-id", requestId);
    for (const [name, value] of Object.entries(SAFE_HEADERS))
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    const cors = corsHeaders((name) => c.req.header(name), server.guard);
    for (const [name, value] of Object.entries(cors)) c.res.headers.set(name, value);
    const milliseconds = performance.now() - start;
    const { status } = c.res;
    const route = routeOf(c);
    server.metrics.requests.observe({ route, status: String(status) }, milliseconds / 1000);
    const level = route === "/health" || route === "/ready" ? "debug" : "info";
    server.log[level](
      { requestId, method: c.req.method, route, status, ms: Math.round(milliseconds) },
      "request",
    );
  });
  app.use(async (c, next) => {
    requireMethod(c, app);
    guard(
      { method: c.req.method, path: c.req.path, header: (name) => c.req.header(name) },
      { ...server.guard, isPage: extension.isPage },
    );
    if (c.req.method === "OPTIONS") return c.body(null, 204);
    const { name, canControl } = callerOf(c, server.keys, extension.isPage);
    c.set("client", name);
    c.set("canControl", canControl);
    return next();
  });
  extension.addRoutes(app, server);
  addStateRoutes(app, server);
  addDocumentRoutes(app, server.version);
  addModelRoutes(app, server);
  addImageRoutes(app, server);
  addJobRoutes(app, server);
  const unknown = (): never => {
    throw new ApiError(404, "not_found", "Expected one of the paths that /openapi.json lists");
  };
  // Distinguishes a path that exists for another method from one that does not exist.
  for (const path of new Set(app.routes.map((route) => route.path)))
    if (path !== EVERYWHERE) app.all(path, unknown);
  app.notFound(unknown);
  app.onError((error, c) => answerError(error, c, server));
  return app;
}

/** Throws an ApiError if a path only exists for other methods. */
function requireMethod({ req }: AppContext, app: App): void {
  const paths = req.matchedRoutes.map(({ path }) => path).filter((path) => path !== EVERYWHERE);
  const known = app.routes.filter(({ path, method }) => paths.includes(path) && method !== "ALL");
  const allow = [...new Set(known.map(({ method }) => method))];
  const wanted = req.method === "HEAD" ? "GET" : req.method;
  if (paths.length === 0 || wanted === "OPTIONS" || allow.includes(wanted)) return;
  throw new ApiError(405, "method_not_allowed", `Expected one of ${allow.join(", ")} here`, {
    allow,
  });
}

/** The route pattern of the request's path, so that ids don't create separate metrics. */
function routeOf(c: AppContext): string {
  const known = c.req.matchedRoutes.map(({ path }) => path).filter((path) => path !== EVERYWHERE);
  return known.at(-1) ?? "other";
}

/** All errors have one format; unexpected ones reveal nothing except that they happened. */
function answerError(error: Error, c: AppContext, { log }: ServerContext): Response {
  const known = error instanceof ApiError ? error : undefined;
  if (known === undefined && !c.req.raw.signal.aborted)
    log.error({ requestId: c.get("requestId"), error: error.stack }, "unforeseen error");
  const answer =
    known ??
    new ApiError(500, "internal_error", "Something went wrong; the server's log says what", {
      shouldRetry: false,
    });
  const headers = new Headers(answer.headers);
  // The rest of a body is not waited for.
  if (answer.status === 413) headers.set("connection", "close");
  headers.set("content-type", "application/json");
  return new Response(JSON.stringify(answer), { status: answer.status, headers });
}
