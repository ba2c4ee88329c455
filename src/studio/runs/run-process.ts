import { hostname } from "node:os";
import { join } from "node:path";
import { holderOf } from "../../files/locks/file-lock.ts";
import { LOCK_FILE } from "../../training/run-folder/run-folder.ts";

/** The process that writes a run. */
export interface RunProcess {
  /** Null if its lock can't be parsed. */
  readonly pid: number | null;
  readonly host: string;
  /** Whether it is on this machine, as far as the machine's name tells. A container may have that name too. */
  readonly isHere: boolean;
  /** Whether it was just recognized by its namespace and start: only then may its id be used for a signal. */
  readonly isRecognized: boolean;
}

/** The process that writes a run; undefined if there is none, as far as can be told at once. */
export function processOf(run: string): RunProcess | undefined {
  const found = holderOf(join(run, LOCK_FILE));
  if (found === undefined || !found.isAtWork) return undefined;
  const { holder, state } = found;
  if (holder === undefined)
    return { pid: null, host: "an unknown machine", isHere: false, isRecognized: false };
  const { pid, host } = holder;
  const isRecognized = state === "running";
  return { pid, host, isHere: isRecognized || host === hostname(), isRecognized };
}
