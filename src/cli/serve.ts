import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { extname } from "node:path";
import { type Logger, pino } from "pino";
import { version } from "../config/package-info.ts";
import { heedNohup } from "../distributed/stop-signals.ts";
import type { EngineSetup, PreviewWay } from "../server/engine/engine-messages.ts";
import { type RunningServer, startServer } from "../server/start-server.ts";
import { Studio } from "../studio/studio.ts";
import { givenName, modelPlace } from "./drawing/named-place.ts";
import { pinnedModel } from "./drawing/pinned-model.ts";
import { ownProgram } from "./own-program.ts";
import { keepWorking } from "./terminal/output.ts";
import { say } from "./terminal/talk.ts";
import { UsageError } from "./terminal/usage-error.ts";

/** Options of `pixart serve`. */
export interface ServeCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly apiKey?: readonly string[];
  readonly apiKeyFile?: string;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly publicUrl?: string;
  readonly maxQueue: number;
  readonly maxPixels: number;
  readonly batch: number | "auto";
  readonly modelsMemory?: number;
  readonly preview: PreviewWay | "auto";
  readonly taesd?: string;
  readonly adapter?: readonly string[];
  readonly device: string;
  readonly dtype: string;
  readonly quantize?: string;
  readonly lenient?: boolean;
  readonly logLevel: string;
}

/** Defaults: pictures waiting or being drawn, and pixels of one. */
export const MOST_QUEUED = 64;
export const MOST_PIXELS = 4_194_304;

/** `pixart serve MODELS…`: listens until a signal ends it. */
export async function serveCommand(
  places: readonly string[],
  options: ServeCommandOptions,
): Promise<void> {
  const keys = keysOf(options);
  if (!isLoopback(options.host) && keys.length === 0) {
    throw new UsageError(
      `Expected --api-key or --api-key-file together with --host ${options.host}, which other machines can reach, but received neither`,
    );
  }
  const setups = await setupsOf(places, options);
  keepWorking();
  const log = serverLog(options.logLevel);
  const server = await startServer({
    version,
    host: options.host,
    port: options.port,
    keys,
    allowHosts: options.allowHost ?? [],
    allowOrigins: options.allowOrigin ?? [],
    publicUrl: options.publicUrl?.replace(/\/$/, ""),
    maxQueue: options.maxQueue,
    maxPixels: options.maxPixels,
    isLenient: options.lenient ?? false,
    engineScript: new URL(`./drawing-process${extname(import.meta.url)}`, import.meta.url),
    engines: setups,
    log,
    extension: pageBeside(existsSync(WORK_DIRS) ? [WORK_DIRS] : []),
  });
  const signals = new EndingSignals(server.stop);
  try {
    say(
      `Listening at ${server.url}; loading ${setups[0]?.models.map(({ name }) => name).join(", ")}`,
    );
    await Promise.race([server.ready, signals.ended]);
    if (!server.context.isDraining()) logReady(log, server);
    await signals.ended;
  } catch (error) {
    await server.stop(0);
    throw error;
  } finally {
    signals.ignore();
  }
}

/** The default folder of runs. */
const WORK_DIRS = "work_dirs";

/** The studio's page next to a server of models: it draws, and shows runs read-only. */
const pageBeside = (workDirs: readonly string[]): Studio =>
  new Studio({
    workDirs,
    dataRoots: [],
    isReadOnly: true,
    program: ownProgram(),
    offersModels: false,
  });

/** Logs which models a server has loaded. */
function logReady(log: Logger, { url, context }: RunningServer): void {
  const models = [...context.models().values()].map((facts) => {
    const { name, bytes, batch, stepSeconds, preview } = facts;
    return { name, bytes, batch, stepSeconds, preview };
  });
  log.info({ url, models }, "ready");
}

/** A server's log, as JSON lines on stderr. */
export const serverLog = (level: string): Logger =>
  pino({ level, base: null }, { write: (line) => void process.stderr.write(line) });

/** The first signal stops the server; a second one ends the process at once. */
export class EndingSignals {
  /** Settles when the server has ended. */
  readonly ended: Promise<void>;
  #hear: (signal: NodeJS.Signals) => void = () => {};

  constructor(stop: () => Promise<void>) {
    this.ended = new Promise((resolve, reject) => {
      let isAsked = false;
      this.#hear = (signal) => {
        if (isAsked) process.exit(1);
        isAsked = true;
        say(`${signal}: finishing the work in progress; a second signal ends at once`);
        stop().then(resolve, reject);
      };
    });
    for (const signal of ENDING) process.on(signal, this.#hear);
  }

  ignore(): void {
    for (const signal of ENDING) process.off(signal, this.#hear);
  }
}

/** Ctrl+C, the signal of service managers, and that of a closed terminal. */
const ENDING = heedNohup().filter((signal) => !signal.startsWith("SIGUSR"));

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

/** The keys of flags, of a file and of the environment. */
export function keysOf({
  apiKey = [],
  apiKeyFile,
}: Pick<ServeCommandOptions, "apiKey" | "apiKeyFile">): string[] {
  const ofFile = apiKeyFile === undefined ? [] : readFileSync(apiKeyFile, "utf8").split("\n");
  const ofEnvironment = (process.env.PIXART_API_KEY ?? "").split(",");
  const keys = [...apiKey, ...ofFile, ...ofEnvironment].map((key) => key.trim());
  return [...new Set(keys.filter((key) => key !== ""))];
}

async function setupsOf(
  places: readonly string[],
  options: ServeCommandOptions,
): Promise<EngineSetup[]> {
  const named = places.map(modelPlace);
  const double = named.find(({ name }, i) => named.findIndex((one) => one.name === name) < i);
  if (double !== undefined) {
    throw new UsageError(
      `Expected models of different names but received ${double.name} twice; give one of them another name: other=${double.place}`,
    );
  }
  const adapters = (options.adapter ?? []).map((text) => {
    const adapter = givenName(text);
    if (adapter !== undefined) return adapter;
    throw new UsageError(`Expected name=place for --adapter but received ${text}`);
  });
  const models = await Promise.all(named.map(pinnedModel));
  const memoryBytes =
    options.modelsMemory === undefined ? undefined : options.modelsMemory * 2 ** 30;
  return options.device.split(",").map((device) => ({
    models,
    adapters,
    device: device.trim(),
    dtype: options.dtype === "float32" ? undefined : options.dtype,
    quantize: options.quantize,
    taesd: options.taesd,
    preview: options.preview,
    batch: options.batch,
    memoryBytes,
  }));
}
