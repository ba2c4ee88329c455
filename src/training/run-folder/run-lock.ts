import { dirname } from "node:path";
import { RunError } from "../../errors/index.ts";
import { FileLock, holderOf, LockHeldError, type LockHolder } from "../../files/locks/file-lock.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";

/** Options of taking a run's lock. */
export interface RunLockOptions {
  /** Lines for people, while it is found out whether a process that cannot be seen still writes the run. */
  readonly say: (line: string) => void;
  /** How long that takes, in milliseconds; FileLock's unless given. */
  readonly stillMs?: number;
}

/** Takes the lock of a run folder. Throws naming the process that holds it. */
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
          `${whoWrites(run, holder)}, or was: it cannot be seen from here. Watching its lock, ${path}, for ${Math.ceil(forMs / 1000)} s at most`,
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
    const advice = "delete it if no process writes the run";
    throw new BadFileError(error.path, "lock", "the process that holds it", what, advice);
  }
}

const whoWrites = (run: string, { pid, host, since }: LockHolder): string =>
  `The run in ${run} is being written by process ${pid} on ${host} since ${since}`;

/** Whether a process holds a run's lock, or may: of one that cannot be seen the time of its last beat is asked. */
export const isLockHeld = (path: string): boolean => holderOf(path)?.isAtWork ?? false;

/** What a process says that no longer holds its run's lock. */
export function describeLoss(path: string): string {
  const other = holderOf(path)?.holder;
  const run = dirname(path);
  return other === undefined
    ? `The lock ${path} is gone, so that another process may write the run in ${run}`
    : `The run in ${run} was taken over by process ${other.pid} on ${other.host} at ${other.since}, after this one had given no sign of life`;
}
