import { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Logger } from "pino";
import { InternalError } from "../errors/index.ts";
import { type AppExtension, createApp } from "./app.ts";
import type { EngineSetup, HeldMemory, ModelFacts } from "./engine/engine-messages.ts";
import { EngineProcess } from "./engine/engine-process.ts";
import { type ModelCatalog, ModelLoader } from "./engine/model-catalog.ts";
import { ApiError, engineUnavailable } from "./http/api-error.ts";
import { answerBrokenRequest } from "./http/broken-request.ts";
import type { GuardOptions } from "./http/guard.ts";
import { Keys } from "./http/keys.ts";
import { Dispatcher } from "./jobs/dispatcher.ts";
import type { Job } from "./jobs/job.ts";
import { ResultStore } from "./jobs/result-store.ts";
import { hasNoEngine, type ServerContext } from "./server-context.ts";
import { ServerMetrics } from "./server-metrics.ts";

/** Options of {@link startServer}. */
export interface ServeOptions extends GuardOptions {
  readonly version: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly keys: readonly string[];
  /** View-only keys. */
  readonly viewKeys?: readonly string[];
  readonly publicUrl: string | undefined;
  readonly maxQueue: number;
  readonly maxPixels: number;
  readonly isLenient: boolean;
  /** The module of the drawing processes, and the set-up of each. */
  readonly engineScript: URL;
  readonly engines: readonly EngineSetup[];
  /** Interval at which the drawing processes are checked for hanging. Default 5000. */
  readonly lookMs?: number;
  readonly log: Logger;
  /** Models that are loaded on demand, in addition to those of the engines. */
  readonly catalog?: ModelCatalog;
  /** Additional routes. */
  readonly extension?: AppExtension;
}

/** A running server. */
export interface RunningServer {
  readonly url: string;
  readonly context: ServerContext;
  /** Settles once the models are loaded and measured; rejects if they are refused. */
  readonly ready: Promise<void>;
  /** Accepts nothing new, lets current orders finish within `graceMs`, and ends. */
  readonly stop: (graceMs?: number) => Promise<void>;
}

/** Time limit for receiving headers, and a whole body. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 120_000;
const MOST_HEADER_BYTES = 16_384;
const GRACE_MS = 30_000;

/** Time limit for sending finished answers. */
const FLUSH_MS = 5000;

/** Interval at which idle connections are closed. */
const IDLE_CHECK_MS = 20;

/** Lets pending answers go out, and closes each connection after them. */
async function closeServer(server: ReturnType<typeof createAdaptorServer>): Promise<void> {
  if (!(server instanceof Server)) throw new InternalError("Expected a server of HTTP/1");
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const late = setTimeout(() => server.closeAllConnections(), FLUSH_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  clearTimeout(late);
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);

/** Starts listening, and starts the drawing processes. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { log, keys, maxQueue } = options;
  const metrics = new ServerMetrics();
  const models = new Map<string, ModelFacts>();
  const held = new Map<number, HeldMemory>();
  const served = new Set(options.engines.flatMap((setup) => setup.models.map(({ name }) => name)));
  /** Keeps the models in the order of the set-up, whatever order they were loaded in; those of a catalog follow. */
  const learn = (facts: ModelFacts): void => {
    const known = new Map(models).set(facts.name, facts);
    models.clear();
    for (const name of new Set([...served, ...known.keys()])) {
      const each = known.get(name);
      if (each !== undefined) models.set(name, each);
    }
  };
  let isDraining = false;
  const engines = options.engines.map((setup, index) => {
    const about = { engine: index, device: setup.device };
    const engine: EngineProcess = new EngineProcess({
      script: options.engineScript,
      setup,
      lookMs: options.lookMs,
      onReady: () => dispatcher.pump(),
      onModel: learn,
      onRestart: (how) => {
        metrics.restarts.inc();
        held.delete(index);
        log.error({ ...about, how }, "the process that draws has ended; another is started");
      },
      onLost: (reason) => {
        log.error({ ...about, reason }, "the process that draws can't be started again");
        if (hasNoEngine({ engines })) dispatcher.failAll(engineUnavailable());
      },
      onLine: (line) => log.info({ ...about, line }, "engine"),
      onMemory: (memory) => void held.set(index, memory),
    });
    return engine;
  });
  const dispatcher = new Dispatcher({
    engines,
    maxQueue,
    hasShares: keys.length > 1,
    onDrawn: ({ pictures, seconds, steps }) => {
      metrics.pictures.inc(pictures);
      metrics.batches.observe(pictures);
      metrics.steps.observe(seconds / steps);
    },
    onFailed: (error, pictures) =>
      log.error({ error: String(error), pictures }, "an order came to nothing"),
  });
  metrics.observe({
    queued: () => dispatcher.waiting,
    inUse: () => dispatcher.pictures,
    readyEngines: () => engines.filter(({ isReady }) => isReady).length,
    engineTensors: () => sumOf([...held.values()].map(({ tensors }) => tensors)),
    engineBytes: () => sumOf([...held.values()].map(({ bytes }) => bytes)),
  });
  const context: ServerContext = {
    version: options.version,
    engines,
    dispatcher,
    models: () => models,
    servedNames: served,
    firstModel: options.engines[0]?.models[0]?.name ?? "",
    loader: options.catalog && new ModelLoader(options.catalog, engines),
    loadedModels: () =>
      held.size === 0
        ? [...models.keys()]
        : [...new Set([...held.values()].flatMap((memory) => memory.models))],
    guard: { allowHosts: options.allowHosts, allowOrigins: options.allowOrigins },
    keys: new Keys(keys, options.viewKeys),
    publicUrl: options.publicUrl,
    maxPixels: options.maxPixels,
    isLenient: options.isLenient,
    metrics,
    log,
    running: new Map<string, Job>(),
    results: new ResultStore(),
    files: new ResultStore(),
    isDraining: () => isDraining,
  };
  const app = createApp(context, options.extension);
  const server = createAdaptorServer({
    fetch: app.fetch as Parameters<typeof createAdaptorServer>[0]["fetch"],
    serverOptions: {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
    },
  });
  server.on("clientError", answerBrokenRequest);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  server.on("error", (error: Error) => log.error({ error: String(error) }, "a connection failed"));
  const { port } = server.address() as AddressInfo;
  // An engine that loads models on demand also starts on demand.
  const eager = engines.filter((_, i) => options.engines[i]?.isLazy !== true);
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const stop = async (graceMs = GRACE_MS): Promise<void> => {
    isDraining = true;
    options.extension?.stop();
    const late = setTimeout(() => {
      const error = new ApiError(503, "shutting_down", "The server was stopped", { retryAfter: 5 });
      dispatcher.failAll(error);
    }, graceMs);
    while (context.running.size > 0)
      await Promise.all([...context.running.values()].map(({ end }) => end));
    clearTimeout(late);
    await closeServer(server);
    await Promise.all(engines.map((engine) => engine.stop()));
  };
  return {
    url: `http://${host}:${port}`,
    context,
    ready: Promise.all(eager.map((engine) => engine.start())).then(() => {}),
    stop,
  };
}
