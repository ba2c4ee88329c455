import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  isLostRank,
  join as joinWorld,
  LAUNCHERS,
  type Launcher,
  LOST_RANK,
  type Place,
  supervise,
  type World,
} from "../distributed/index.ts";
import { say } from "./talk.ts";

/** What commands of several processes may be told. */
export interface ProcessOptions {
  readonly launcher?: string;
  readonly maxRestarts?: number;
}

/** The launcher that `--launcher` names; undefined where it is not given. */
export function launcherOf({ launcher }: ProcessOptions): Launcher | undefined {
  const known = LAUNCHERS.find((name) => name === launcher);
  if (known !== undefined || launcher === undefined) return known;
  throw new Error(`Expected ${LAUNCHERS.join(", ")} for --launcher but received ${launcher}`);
}

/** Starts this command once a process, and stays until they end. Returns the exit code. */
export function launch(
  processes: number,
  launcher: Launcher | undefined,
  { maxRestarts = 0 }: ProcessOptions,
): Promise<number> {
  if (launcher !== undefined && launcher !== "pytorch") {
    throw new Error(
      `Expected --launcher pytorch for --gpus ${processes} but received ${launcher}: ${launcher === "none" ? "that is one process" : "its own command starts the processes"}`,
    );
  }
  const [script = "", ...args] = process.argv.slice(1);
  return supervise({
    processes,
    maxRestarts,
    command: () => [process.execPath, ...process.execArgv, script, ...args],
    say,
  });
}

/** Meets the other processes of the run. */
export const joinRun = (place: Place): Promise<World> =>
  joinWorld(place, { parent: Number(process.env.PIXART_LAUNCHER_PID ?? 0) });

/**
 * What `body` gives; undefined where another process of the run is gone: this one then ends with the exit code that says so, and
 * the one that failed has more to say.
 */
export async function endingWithOthers<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (!isLostRank(error)) throw error;
    say(`Another process of this run is gone. ${error.message}`);
    process.exitCode = LOST_RANK;
    return undefined;
  }
}

/** Throws: the launcher has started another number of processes than was asked for. */
export function requireSize(gpus: number, { size }: Place): never {
  throw new Error(
    `Expected ${gpus} processes, as --gpus says, but the launcher has started ${size}. Leave --gpus out, or let both agree`,
  );
}

/** Whether to go on with the run of a folder: asked for, or because all processes were started again after a failure. */
export const isResumed = (
  resume: boolean | string,
  place: Place | undefined,
  folder: string,
): boolean =>
  resume !== false || ((place?.restarts ?? 0) > 0 && existsSync(join(folder, "config.json")));
