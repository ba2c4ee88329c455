import { lstatSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, knownClasses } from "../../errors/index.ts";
import { writing } from "../write-error.ts";
import { startBeat } from "./lock-beat.ts";
import {
  clearLeftovers,
  type FoundLock,
  guardOf,
  isLock,
  type LockHolder,
  newContent,
  parseHolder,
  readLock,
  removeGuarded,
  removeLock,
  timesOf,
  tryTake,
} from "./lock-file.ts";
import { type ProcessState, stateOf } from "./process-identity.ts";

export type { LockHolder } from "./lock-file.ts";

/** Interval between looks at the lock of a process that can't be observed. */
const LOOK_MS = 500;
/** Delay before retrying a lock that was just released. */
const RETRY_MS = 10;
/** How long a lock's times must stand still before it is taken over: twelve beats. */
const STILL_MS = 60_000;

/** Options of waiting for a lock. */
export interface LockWaiting {
  /**
   * Called for each process that holds it: true waits until it is released, false throws {@link LockHeldError}. Undefined stands
   * for a holder whose lock can't be parsed.
   */
  readonly waitsFor: (holder: LockHolder | undefined) => boolean;
  /** Called if the holder can't be observed from here: the lock is watched for this long to find out whether it is alive. */
  readonly onWatch?: (holder: LockHolder | undefined, forMs: number) => void;
  /** Called when waiting for a process that holds it. */
  readonly onWait?: () => void;
  /** How long a lock's times must stand still before it is taken over. Default: a minute. */
  readonly stillMs?: number;
}

/** Thrown when a lock is held by a running process, or can't be parsed. */
export class LockHeldError extends Error {
  override readonly name: string = "LockHeldError";
  readonly code = "ERR_LOCK_HELD" satisfies ErrorCode;
  readonly path: string;
  readonly holder: LockHolder | undefined;
  readonly found: FoundLock;

  constructor(path: string, holder: LockHolder | undefined, found: FoundLock) {
    const what = found.isFile ? "a file that no process wrote as its lock" : found.text;
    super(
      holder === undefined
        ? `The lock ${path} cannot be taken: ${what} has its name; remove it`
        : `The lock ${path} is held by process ${holder.pid} on ${holder.host}`,
    );
    this.path = path;
    this.holder = holder;
    this.found = found;
  }
}

knownClasses(LockHeldError);

/**
 * A lock file: while it is held, no other process gets it, wherever it runs. The lock of a process that is gone is taken over.
 * This happens at once if the end of the process is visible, by the boot of the machine, the namespace and the start of the
 * process. If not, because it runs on another machine or in another container, the holder's beat decides: it renews the file's
 * times, and a waiting process watches until they have stood still for a minute. That minute is measured by the watcher, since
 * clocks of machines differ, and counted in looks, so that time in which the watcher itself was suspended does not count.
 *
 * Created by a link and removed only while holding the lock of its removal, so that if many find it abandoned at once, one gets
 * it. A holder that was suspended for longer than that minute may have lost it: check {@link isHeld} before each write.
 */
export class FileLock implements Disposable {
  readonly #path: string;
  readonly #content: string;
  readonly #endBeat: () => void;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
    this.#endBeat = startBeat(path, content);
  }

  /** Takes the lock. Throws {@link LockHeldError} and FileWriteError. */
  static async acquire(path: string, waiting: LockWaiting): Promise<FileLock> {
    const content = newContent();
    const attempt = { path, aim: "take this lock", neededBytes: content.length };
    await writing(attempt, () => take(path, content, waiting));
    const lock = new FileLock(path, content); // beats from here on
    clearLeftovers(path);
    return lock;
  }

  /** Whether this process still holds it. `path` is its new location if its folder was moved. */
  isHeld(path: string = this.#path): boolean {
    return isLock(path, this.#content);
  }

  /** Releases it. `path` is its new location if its folder was moved. */
  release(path: string = this.#path): void {
    this.#endBeat();
    try {
      if (this.isHeld(path)) removeLock(path, this.#content);
    } catch (error) {
      // The result of the work, or its error, matters more; and the lock becomes free when this process is gone.
      process.emitWarning(String(error));
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** What can be determined at once of the process that holds a lock. */
export interface FoundHolder {
  /** Undefined if the lock can't be parsed. */
  readonly holder: LockHolder | undefined;
  /** Only if it is `running` does its number identify it among the processes that can be observed from here. */
  readonly state: ProcessState;
  /** Whether it is running, or may be. */
  readonly isAtWork: boolean;
}

/** The process that holds a lock; undefined if none does. */
export function holderOf(path: string): FoundHolder | undefined {
  const found = readLock(path);
  if (found === undefined) return undefined;
  const holder = found.isFile ? parseHolder(found.text) : undefined;
  if (holder === undefined) return { holder, state: "unseen", isAtWork: true };
  const state = stateOf(holder);
  return { holder, state, isAtWork: state === "unseen" ? beatsByClock(path) : state === "running" };
}

/** Compares the clocks of both machines, which may differ by up to {@link STILL_MS}. */
function beatsByClock(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs < 2 * STILL_MS;
}

async function take(path: string, content: string, waiting: LockWaiting): Promise<void> {
  let hasSaid = false;
  for (let vanished = 0; !tryTake(path, content); ) {
    const found = readLock(path);
    if (found === undefined) {
      // Just released; or the file system lists a name but finds nothing.
      if (++vanished * RETRY_MS > STILL_MS) throw new LockHeldError(path, undefined, NOTHING);
      await sleep(RETRY_MS);
      continue;
    }
    vanished = 0;
    if (!found.isFile) throw new LockHeldError(path, undefined, found);
    const holder = parseHolder(found.text);
    const refuse = (): void => {
      if (!waiting.waitsFor(holder)) throw new LockHeldError(path, holder, found);
      if (!hasSaid) waiting.onWait?.();
      hasSaid = true;
    };
    if (holder === undefined) {
      await sleep(LOOK_MS); // on file systems without links it may be half written
      if (!isLock(path, found.text)) continue;
      refuse();
    }
    const state = holder === undefined ? "unseen" : stateOf(holder);
    if (state === "running") {
      refuse();
      await sleep(LOOK_MS / 5);
    } else if (state === "gone" || (await standsStill(path, found.text, waiting, refuse))) {
      await evict(path, found.text);
    }
  }
}

const NOTHING: FoundLock = { isFile: false, text: "something that cannot be opened" };

/** Watches a lock: true once it has stood still for long enough, false if it was released. */
async function standsStill(
  path: string,
  content: string,
  { onWatch, stillMs = STILL_MS }: LockWaiting,
  onBeat: () => void,
): Promise<boolean> {
  onWatch?.(parseHolder(content), stillMs);
  let mark = timesOf(path);
  for (let looks = 0; looks * LOOK_MS < stillMs; looks++) {
    await sleep(Math.min(LOOK_MS, stillMs));
    if (!isLock(path, content)) return false;
    const now = timesOf(path);
    if (now === mark) continue;
    onBeat();
    [mark, looks] = [now, 0];
  }
  return true;
}

/** Removes a lock if it still has this content. */
async function evict(path: string, content: string): Promise<void> {
  const guard = guardOf(path, content);
  const own = newContent();
  await take(guard, own, { waitsFor: () => true });
  try {
    removeGuarded(path, content);
  } finally {
    removeGuarded(guard, own);
  }
}
