import { hostname } from "node:os";
import { join } from "node:path";
import { holderOf } from "../../files/locks/file-lock.ts";
import { LOCK_FILE } from "../../training/run-folder/run-folder.ts";

/** The process that writes a run. */
export interface RunProcess {
  /** Null if its lock can't be parsed. */
  readonly pid: number | null;
  readonly host: string;
  readonly isHere: boolean;
}

/** The process that writes a run; undefined if there is none, as far as can be told at once. */
export function processOf(run: string): RunProcess | undefined {
  const found = holderOf(join(run, LOCK_FILE));
  if (found === undefined || !found.isAtWork) return undefined;
  const { holder } = found;
  if (holder === undefined) return { pid: null, host: "an unknown machine", isHere: false };
  return { pid: holder.pid, host: holder.host, isHere: holder.host === hostname() };
}
