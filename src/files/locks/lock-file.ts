import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeNewFileSync } from "../new-file.ts";
import { hasNoLinks } from "../rename.ts";
import { unlessItFails } from "../unless-it-fails.ts";
import { writeAllSync } from "../write-all.ts";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.ts";

// The files of file-lock.ts: how one is made, read and removed.

/** The process that holds a lock. */
export interface LockHolder extends ProcessIdentity {
  /** In ISO 8601. */
  readonly since: string;
  /** No two locks have the same, also of one process. */
  readonly id: string;
}

/** What has a lock's name. */
export interface FoundLock {
  /** A regular file, as every lock is. */
  readonly isFile: boolean;
  /** The file's content, cut where it is longer than any lock's; of all else what it is, in words. */
  readonly text: string;
}

/** Of a lock are read. */
const LONGEST_BYTES = 4096;
/** What is there for a moment only, and has been there for so long, was left by a process that was killed. */
const LEFT_MS = 3_600_000;
/** How what a lock is linked from ends. */
const STAGED = ".new";

/** What a lock of this process holds, other than every other lock. */
export const newContent = (): string => {
  const holder: LockHolder = {
    ...ownIdentity(),
    since: new Date().toISOString(),
    id: randomUUID(),
  };
  return `${JSON.stringify(holder)}\n`;
};

/** Undefined for what no lock holds. */
export function parseHolder(content: string): LockHolder | undefined {
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

/**
 * Opens the file, so that a file system of the network asks its server; never a link's target, and without waiting for what
 * writes a pipe. Undefined where there is nothing of that name.
 */
export function readLock(path: string): FoundLock | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ESTALE") return undefined;
    if (code === "ELOOP") return { isFile: false, text: "a link" };
    if (code === "ENXIO") return { isFile: false, text: SPECIAL };
    throw error;
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) return { isFile: false, text: found.isDirectory() ? "a folder" : SPECIAL };
    return { isFile: true, text: readStart(file) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESTALE") return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}

const SPECIAL = "a device, pipe or socket";

function readStart(file: number): string {
  const bytes = Buffer.alloc(LONGEST_BYTES);
  let length = 0;
  for (let count = -1; count !== 0 && length < bytes.length; length += count)
    count = readSync(file, bytes, length, bytes.length - length, length);
  return bytes.toString("utf8", 0, length);
}

/** Whether a lock is that of this content. */
export function isLock(path: string, content: string): boolean {
  const found = readLock(path);
  return found?.isFile === true && found.text === content;
}

/** What a beat changes. */
export function timesOf(path: string): string {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.mtimeNs} ${found.ctimeNs}`;
}

/** Links rather than creates, so that the file never shows without its content. */
export function tryTake(path: string, content: string): boolean {
  const staged = `${path}.${randomUUID()}${STAGED}`;
  const file = openSync(staged, "wx");
  try {
    writeAllSync(file, Buffer.from(content));
    fsyncSync(file);
    linkSync(staged, path);
    return true;
  } catch (error) {
    if (hasNoLinks(error)) return tryMake(path, content);
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // A server whose answer was lost is asked again, and finds the link that it has made itself.
    return fstatSync(file).nlink === 2;
  } finally {
    // A lock that was taken is not lost because of what it was linked from.
    unlessItFails(() => closeSync(file));
    unlessItFails(() => rmSync(staged, { force: true }));
  }
}

/** {@link tryTake} where a file has one name only, as on FAT: for a moment it shows without its content. */
function tryMake(path: string, content: string): boolean {
  try {
    writeNewFileSync(path, Buffer.from(content));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The lock that is held by who removes the lock of this content. */
export const guardOf = (path: string, content: string): string =>
  `${path}.${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;

/** For the one who holds the lock of its removal. */
export function removeGuarded(path: string, content: string): void {
  if (isLock(path, content)) rmSync(path, { force: true });
}

/** Removes the lock of this content, if no other process is about to: it is not there for long then. */
export function removeLock(path: string, content: string): void {
  const guard = guardOf(path, content);
  const own = newContent();
  try {
    if (!tryTake(guard, own)) {
      clearLeftover(guard, isGone);
      if (!tryTake(guard, own)) return;
    }
  } catch {
    // Where no file can be made, nobody else is about to remove it either.
  }
  removeGuarded(path, content);
  removeGuarded(guard, own);
}

/** Removes what processes left, as far as can be told, that were killed while they took or gave back this lock. */
export function clearLeftovers(path: string): void {
  const [folder, own] = [dirname(path), basename(path)];
  for (const name of unlessItFails(() => readdirSync(folder)) ?? []) {
    if (name.startsWith(own) && LEFTOVER.test(name.slice(own.length)))
      unlessItFails(() => clearLeftover(join(folder, name), isGoneOrOld));
  }
}

/** Behind a lock's name: its guard's, or what one of them was linked from. */
const LEFTOVER =
  /^(?:\.[0-9a-f]{16})*(?:\.[0-9a-f]{16}|\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new)$/;

function clearLeftover(path: string, isLeft: (path: string, content: string) => boolean): void {
  const found = readLock(path);
  if (found?.isFile !== true || !isLeft(path, found.text)) return;
  if (path.endsWith(STAGED)) rmSync(path, { force: true });
  else removeLock(path, found.text);
}

function isGone(_path: string, content: string): boolean {
  const holder = parseHolder(content);
  return holder !== undefined && stateOf(holder) === "gone";
}

/** One that was killed before it had written its name is told by the time. */
const isGoneOrOld = (path: string, content: string): boolean =>
  isGone(path, content) || Date.now() - lstatSync(path).mtimeMs > LEFT_MS;
