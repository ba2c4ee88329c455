import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  findPlace,
  isLostRank,
  join as joinWorld,
  LAUNCHERS,
  type Launcher,
  LOST_RANK,
  RUN_LOST,
  supervise,
  World,
} from "../distributed/index.ts";
import { engineInfo } from "../torch/index.ts";
import { CONFIG_FILE } from "../training/run-folder/run-files.ts";
import { RunLostError } from "../training/run-folder/run-lost-error.ts";
import { keepWorking } from "./terminal/output.ts";
import { say } from "./terminal/talk.ts";
import { UsageError } from "./terminal/usage-error.ts";

/** Options of commands that can run as several processes. */
export interface ProcessOptions {
  readonly gpus?: number;
  readonly launcher?: string;
  readonly maxRestarts?: number;
}

/** This process among those of its command. */
export interface Processes {
  /** How often a launcher has restarted them. */
  readonly restarts: number;
  /** Connects to the others. */
  readonly join: () => Promise<World>;
}

/**
 * This process among those that a launcher has started; "launch" if this command is to start them itself. Throws if the options
 * contradict each other or the launcher.
 */
export function processesOf(options: ProcessOptions): Processes | "launch" {
  const { gpus = 1 } = options;
  const launcher = launcherOf(options);
  const place = findPlace(launcher, process.env);
  if (place === undefined) {
    if (gpus === 1) return { restarts: 0, join: async () => World.solo };
    if (launcher === undefined || launcher === "pytorch") return "launch";
    throw new UsageError(
      `Expected --launcher pytorch for --gpus ${gpus} but received ${launcher}, which starts a single process`,
    );
  }
  if (gpus > 1 && gpus !== place.size) {
    throw new UsageError(
      `Expected ${gpus} processes, as --gpus says, but the launcher has started ${place.size}. Leave --gpus out, or make the two agree`,
    );
  }
  const parent = Number(process.env.PIXART_LAUNCHER_PID ?? 0);
  const seconds = process.env.PIXART_COLLECTIVE_TIMEOUT;
  if (seconds !== undefined && !/^[1-9]\d{0,5}$/.test(seconds)) {
    throw new UsageError(
      `Expected a whole number of seconds, up to 999999, for the variable PIXART_COLLECTIVE_TIMEOUT but received ${seconds}`,
    );
  }
  const waits = seconds === undefined ? {} : { collective: Number(seconds) * 1000 };
  return { restarts: place.restarts, join: () => joinWorld(place, { parent, ...waits }) };
}

/** Several processes on a core are enough to test a run; more would only use up memory. */
const PROCESSES_A_CORE = 4;

/** Throws if this machine has neither the cores nor the GPUs for so many processes. */
function requireFew(gpus: number): void {
  const cores = availableParallelism();
  if (gpus <= PROCESSES_A_CORE * cores) return;
  const devices = engineInfo().devices.filter((device) => device !== "cpu").length;
  if (gpus <= devices) return;
  throw new UsageError(
    `Expected at most ${Math.max(devices, PROCESSES_A_CORE * cores)} for --gpus on this machine with ${devices} GPUs and ${cores} cores, with at most ${PROCESSES_A_CORE} processes per core, but received ${gpus}`,
  );
}

function launcherOf({ launcher }: ProcessOptions): Launcher | undefined {
  const known = LAUNCHERS.find((name) => name === launcher);
  if (known !== undefined || launcher === undefined) return known;
  throw new UsageError(`Expected ${LAUNCHERS.join(", ")} for --launcher but received ${launcher}`);
}

/**
 * Starts this command once per process and waits until all end. Returns the exit code. Throws if they are too many for this
 * machine; a plan for another one may have more.
 */
export async function launch({ gpus = 1, maxRestarts = 0 }: ProcessOptions): Promise<number> {
  requireFew(gpus);
  keepWorking();
  const [script = "", ...args] = process.argv.slice(1);
  return supervise({
    processes: gpus,
    maxRestarts,
    command: [process.execPath, ...process.execArgv, script, ...args],
    say,
  });
}

/**
 * The result of `body`; undefined if another process of the run or the run's folder is gone: this process then ends with the exit
 * code for that. If a process is gone, its own message says more.
 */
export async function exitIfRankLost<T>(
  world: World,
  body: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof RunLostError) {
      if (world.isFirst || !isLostRank(error.cause)) say(`pixart: ${error.message}`);
      process.exitCode = RUN_LOST;
      return undefined;
    }
    if (!isLostRank(error)) throw error;
    say(describeLostRank(world, error.message));
    process.exitCode = LOST_RANK;
    return undefined;
  }
}

/** A process that hangs keeps its connections but never arrives, so the wait times out. */
function describeLostRank(world: World, message: string): string {
  if (!/time[d ]?\s?out/i.test(message)) return `Another process of this run is gone. ${message}`;
  const missing = world.behind();
  const who = missing.length > 0 ? `rank ${missing.join(", ")}` : "other ranks";
  return `Rank ${world.rank} gave up waiting for ${who}. ${message}`;
}

/** Whether to resume the run of a folder: because of --resume, or because all processes were restarted after a failure. */
export const isResumed = (
  resume: boolean | string,
  { restarts }: Processes,
  folder: string,
): boolean => resume !== false || (restarts > 0 && existsSync(join(folder, CONFIG_FILE)));
