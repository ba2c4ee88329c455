import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBeat } from "./lock-beat.ts";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.ts";

/** The process that holds a lock. */
export interface LockHolder extends ProcessIdentity {
  /** In ISO 8601. */
  readonly since: string;
  /** No two locks have the same, also of one process. */
  readonly id: string;
}

/** Looks at the lock of a process that cannot be seen are this far apart. */
const LOOK_MS = 500;
/** So long its times must stand still before it is taken over: twelve beats. */
export const STILL_MS = 60_000;

/** How a lock is waited for. */
export interface LockWaiting {
  /**
   * Asked for each process that holds it: true waits until it is given back, false throws {@link LockHeldError}. Undefined is
   * one whose lock says nothing that can be understood.
   */
  readonly waitsFor: (holder: LockHolder | undefined) => boolean;
  /** A process holds it that cannot be seen from here: whether it lives is found out by watching, for so long. */
  readonly onWatch?: (holder: LockHolder | undefined, forMs: number) => void;
  /** A process holds it that is waited for. */
  readonly onWait?: () => void;
  /** Default {@link STILL_MS}. */
  readonly stillMs?: number;
}

/** A lock is held by a process that runs, or whose lock cannot be understood. */
export class LockHeldError extends Error {
  override readonly name: string = "LockHeldError";
  readonly holder: LockHolder | undefined;
  /** What its file holds; undefined where it is no file. */
  readonly content: string | undefined;

  constructor(path: string, holder: LockHolder | undefined, content: string | undefined) {
    const who = holder === undefined ? "something else" : `process ${holder.pid} on ${holder.host}`;
    super(`The lock ${path} is held by ${who}`);
    this.holder = holder;
    this.content = content;
  }
}

/**
 * A lock file: while it is held, no other process gets it, wherever it runs. The lock of a process that is gone is taken over:
 * at once where that can be seen, by the boot of the machine, the namespace and the start of the process. Where it cannot, on
 * another machine or in another container, the holder's beat decides: it renews the file's times, and one who comes watches
 * until they have stood still for a minute. That minute is the watcher's own, since clocks of machines differ, and is counted in
 * looks: one that was itself suspended has not watched.
 *
 * Made by a link and removed by none but the one who holds the lock of its removal, so that of many who find it abandoned at once
 * one gets it. A holder that was suspended for longer than that minute may have lost it: {@link isHeld} before each write.
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

  /** Takes the lock. Throws {@link LockHeldError}. */
  static async acquire(path: string, waiting: LockWaiting): Promise<FileLock> {
    const content = newContent();
    await take(path, content, waiting);
    await clearLeftovers(path);
    return new FileLock(path, content);
  }

  /** Whether this process still has it; at another place where its folder was moved to. */
  isHeld(path: string = this.#path): boolean {
    return readLock(path) === this.#content;
  }

  /** Gives it back, at another place where its folder was moved to. */
  release(path: string = this.#path): void {
    this.#endBeat();
    if (readLock(path) !== this.#content) return;
    const guard = guardOf(path, this.#content);
    // Where another process is about to take it away, it is not there for long.
    if (!canRemove(guard)) return;
    removeIf(path, this.#content);
    rmSync(guard, { force: true });
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** The process that holds a lock, and whether it is at work as far as can be told at once; undefined where none does. */
export function holderOf(
  path: string,
): { readonly holder: LockHolder | undefined; readonly isAtWork: boolean } | undefined {
  const content = readLock(path);
  if (content === undefined) return undefined;
  const holder = parseHolder(content);
  const state = holder === undefined ? "running" : stateOf(holder);
  return { holder, isAtWork: state === "unseen" ? beatsByClock(path) : state === "running" };
}

/** By the clocks of both machines, which may differ by as much again. */
function beatsByClock(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs < 2 * STILL_MS;
}

/** What {@link readLock} gives for a folder, which no file holds. */
const FOLDER = "\0folder";

const newContent = (): string => {
  const holder: LockHolder = {
    ...ownIdentity(),
    since: new Date().toISOString(),
    id: randomUUID(),
  };
  return `${JSON.stringify(holder)}\n`;
};

/** The lock that is held by who removes the lock of this content. */
const guardOf = (path: string, content: string): string =>
  `${path}.${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;

async function take(path: string, content: string, waiting: LockWaiting): Promise<void> {
  let hasSaid = false;
  while (!tryTake(path, content)) {
    const found = readLock(path);
    if (found === undefined) continue; // just given back
    if (found === FOLDER) throw new LockHeldError(path, undefined, undefined);
    const holder = parseHolder(found);
    const state = holder === undefined ? "unseen" : stateOf(holder);
    const refuse = (): void => {
      if (!waiting.waitsFor(holder)) throw new LockHeldError(path, holder, found);
      if (!hasSaid) waiting.onWait?.();
      hasSaid = true;
    };
    if (holder === undefined) refuse();
    if (state === "running") {
      refuse();
      await sleep(LOOK_MS / 5);
    } else if (state === "gone" || (await standsStill(path, found, waiting, refuse))) {
      await evict(path, found);
    }
  }
}

/** Watches a lock: true once it has stood still for long enough, false where it was given back. */
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
    if (readLock(path) !== content) return false;
    const now = timesOf(path);
    if (now === mark) continue;
    onBeat();
    [mark, looks] = [now, 0];
  }
  return true;
}

/** Takes a lock away, if it is still that of this content. */
async function evict(path: string, content: string): Promise<void> {
  const guard = guardOf(path, content);
  await take(guard, newContent(), { waitsFor: () => true });
  removeIf(path, content);
  rmSync(guard, { force: true });
}

/** Takes the lock of a removal. Where no file can be made, nobody else has it or gets it either. */
function canRemove(guard: string): boolean {
  try {
    return tryTake(guard, newContent());
  } catch {
    return true;
  }
}

function removeIf(path: string, content: string): void {
  if (readLock(path) === content) rmSync(path, { force: true });
}

/** Links rather than creates, so that the file never shows without its content. */
function tryTake(path: string, content: string): boolean {
  const staged = `${path}.${randomUUID()}.new`;
  const file = openSync(staged, "wx");
  try {
    writeSync(file, content);
    fsyncSync(file);
    linkSync(staged, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // A server whose answer was lost is asked again, and finds the link that it has made itself.
    return fstatSync(file).nlink === 2;
  } finally {
    closeSync(file);
    rmSync(staged, { force: true });
  }
}

/** Removes what processes left that were killed while they took or gave back this lock. */
async function clearLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(basename(path))) continue;
    const match = LEFTOVER.exec(name.slice(basename(path).length));
    if (match === null) continue;
    const left = join(folder, name);
    const content = readLock(left);
    const holder = content === undefined ? undefined : parseHolder(content);
    if (content === undefined || holder === undefined || stateOf(holder) !== "gone") continue;
    if (match[1] !== undefined) rmSync(left, { force: true });
    else await evict(left, content);
  }
}

/** Behind a lock's name: its guard's, or with a group what one of them was linked from. */
const LEFTOVER =
  /^(?:\.[0-9a-f]{16})*(?:\.[0-9a-f]{16}|\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.new)$/;

/** Undefined for what no lock holds. */
function parseHolder(content: string): LockHolder | undefined {
  let value: Partial<Record<keyof LockHolder, unknown>> | null;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  const { pid, host, boot, namespace, started, since, id } = Object(value) as NonNullable<
    typeof value
  >;
  const isTextOrNull = (field: unknown): field is string | null =>
    field === null || typeof field === "string";
  return Number.isSafeInteger(pid) &&
    typeof host === "string" &&
    isTextOrNull(boot) &&
    isTextOrNull(namespace) &&
    isTextOrNull(started) &&
    typeof since === "string" &&
    typeof id === "string"
    ? { pid: pid as number, host, boot, namespace, started, since, id }
    : undefined;
}

/** Opens the file, so that a file system of the network asks its server. Undefined where there is none. */
function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ESTALE") return undefined;
    if (code === "EISDIR") return FOLDER;
    throw error;
  }
}

/** What a beat changes. */
function timesOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.mtimeNs} ${found.ctimeNs}`;
}
