import { dirname } from "node:path";
import { RunError } from "../../errors/index.ts";
import { FileLock, holderOf, LockHeldError, type LockHolder } from "../../files/locks/file-lock.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";

/** Options for acquiring a run's lock. */
export interface RunLockOptions {
  /** Prints a line for the user while checking whether an unreachable process still writes the run. */
  readonly say: (line: string) => void;
  /** How long to check, in milliseconds; FileLock's default if omitted. */
  readonly stillMs?: number;
}

/** Acquires the lock of a run folder. Throws an error that names the process holding it. */
export async function acquireRunLock(
  path: string,
  { say, ...waiting }: RunLockOptions,
): Promise<FileLock> {
  const run = dirname(path);
  try {
    return await FileLock.acquire(path, {
      ...waiting,
      waitsFor: () => false,
      onWatch: (holder, forMs) => {
        if (holder === undefined) return;
        say(
          `${whoWrites(run, holder)}, or that process has ended, which cannot be seen from here. Watching its lock ${path} for up to ${Math.ceil(forMs / 1000)} s`,
        );
      },
    });
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    const { holder, found } = error;
    if (holder !== undefined)
      throw new RunError(
        "ERR_LOCK_HELD",
        `${whoWrites(run, holder)}. Wait for it, or stop it first.`,
      );
    const what = found.isFile ? quote(found.text) : found.text;
    const advice = "delete it if no process is writing the run";
    throw new BadFileError(error.path, "lock", "the process that holds it", what, advice);
  }
}

const whoWrites = (run: string, { pid, host, since }: LockHolder): string =>
  `The run in ${run} is being written by process ${pid} on ${host} (since ${since})`;

/** Whether a process holds a run's lock or may hold it; for an unreachable process its last heartbeat decides. */
export const isLockHeld = (path: string): boolean => holderOf(path)?.isAtWork ?? false;

/** Message of a process that no longer holds its run's lock. */
export function describeLoss(path: string): string {
  const other = holderOf(path)?.holder;
  const run = dirname(path);
  return other === undefined
    ? `The lock ${path} is gone, so another process may be writing the run in ${run}`
    : `The run in ${run} was taken over by process ${other.pid} on ${other.host} at ${other.since}, after this one had shown no sign of life`;
}
