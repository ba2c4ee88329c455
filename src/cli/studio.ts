import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { extname, resolve } from "node:path";
import { renderUnicodeCompact } from "uqr";
import { version } from "../config/package-info.ts";
import { startServer } from "../server/start-server.ts";
import { Studio } from "../studio/studio.ts";
import { ownProgram } from "./own-program.ts";
import { EndingSignals, isLoopback, keysOf, MOST_PIXELS, MOST_QUEUED, serverLog } from "./serve.ts";
import { openPage } from "./terminal/open-page.ts";
import { keepWorking, printResult } from "./terminal/output.ts";
import { say } from "./terminal/talk.ts";
import { UsageError } from "./terminal/usage-error.ts";

/** Options of `pixart studio`. */
export interface StudioCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly apiKey?: readonly string[];
  readonly viewKey?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly lan?: boolean;
  readonly dataRoot?: readonly string[];
  readonly readOnly?: boolean;
  readonly open?: boolean;
  readonly device: string;
  readonly modelsMemory?: number;
  readonly logLevel: string;
}

const EVERY_ADDRESS = "0.0.0.0";

/** `pixart studio [WORK_DIRS…]`: serves the page until a signal ends it. */
export async function studioCommand(
  workDirs: readonly string[],
  options: StudioCommandOptions,
): Promise<void> {
  const { lan = false, port, viewKey = [], readOnly = false } = options;
  const given = keysOf(options);
  const host = lan ? EVERY_ADDRESS : options.host;
  if (!isLoopback(host) && !lan && given.length === 0) {
    throw new UsageError(
      `Expected --lan, or --api-key together with --host ${host}, which other machines can reach, but received neither`,
    );
  }
  const key = given[0] ?? drawnKey();
  const viewKeys = lan && viewKey.length === 0 ? [drawnKey()] : viewKey;
  const dirs = workDirs.length === 0 ? ["work_dirs"] : workDirs;
  const studio = new Studio({
    workDirs: dirs,
    dataRoots: options.dataRoot ?? [process.cwd()],
    isReadOnly: readOnly,
    program: ownProgram(),
    offersModels: true,
  });
  keepWorking();
  const log = serverLog(options.logLevel);
  const { modelsMemory } = options;
  const server = await startServer({
    version,
    host,
    port,
    keys: given.length === 0 ? [key] : given,
    viewKeys,
    allowHosts: options.allowHost ?? [],
    allowOrigins: [],
    publicUrl: undefined,
    maxQueue: MOST_QUEUED,
    maxPixels: MOST_PIXELS,
    isLenient: false,
    engineScript: new URL(`./drawing-process${extname(import.meta.url)}`, import.meta.url),
    engines: [
      {
        models: [],
        adapters: [],
        device: options.device,
        dtype: undefined,
        quantize: undefined,
        taesd: undefined,
        preview: "auto",
        batch: 1,
        memoryBytes: modelsMemory === undefined ? undefined : modelsMemory * 2 ** 30,
        isLazy: true,
      },
    ],
    log,
    ...(studio.catalog !== undefined && { catalog: studio.catalog }),
    extension: studio,
  });
  const signals = new EndingSignals(server.stop);
  try {
    say(`Showing the runs in ${dirs.map((dir) => resolve(dir)).join(", ")}. Open:`);
    const { port: own } = new URL(server.url);
    const here = lan ? `http://127.0.0.1:${own}` : server.url;
    const address = withKey(here, key);
    printResult(address);
    for (const other of lan ? lanAddresses() : [])
      sayOnPhones(withKey(`http://${other}:${own}`, viewKeys[0] ?? ""));
    await using _ = options.open ? await openPage(address) : undefined;
    await signals.ended;
  } finally {
    signals.ignore();
  }
}

/** The address of the page with a key, which may contain characters that addresses give a meaning. */
const withKey = (url: string, key: string): string => `${url}/#k=${encodeURIComponent(key)}`;

const drawnKey = (): string => randomBytes(18).toString("base64url");

/** Prints an address, and on a terminal also its QR code. */
function sayOnPhones(address: string): void {
  say(`To view on a phone: ${address}`);
  if (process.stderr.isTTY) say(renderUnicodeCompact(address));
}

/** Addresses of this machine in its networks. */
const lanAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);
