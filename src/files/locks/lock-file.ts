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
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeNewFileSync } from "../new-file.ts";
import { readFromSync } from "../reading/whole-file.ts";
import { hasNoLinks } from "../rename.ts";
import { unlessItFails } from "../unless-it-fails.ts";
import { writeAllSync } from "../write-all.ts";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.ts";

// Creates, reads and removes the files of file-lock.ts.

/** The process that holds a lock. */
export interface LockHolder extends ProcessIdentity {
  /** In ISO 8601. */
  readonly since: string;
  /** Unique to each lock, even within one process. */
  readonly id: string;
}

/** What was found under a lock's name. */
export interface FoundLock {
  /** A regular file, as every lock is. */
  readonly isFile: boolean;
  /** The file's content, truncated if longer than any lock's; for anything else, what it is, in words. */
  readonly text: string;
}

/** How much of a lock is read. */
const LONGEST_BYTES = 4096;
/** A short-lived file that is older than this was left by a killed process. */
const LEFT_MS = 3_600_000;
/** Suffix of the file that a lock is linked from. */
const STAGED = ".new";

/** Content of a new lock of this process, different from every other lock's. */
export const newContent = (): string => {
  const holder: LockHolder = {
    ...ownIdentity(),
    since: new Date().toISOString(),
    id: randomUUID(),
  };
  return `${JSON.stringify(holder)}\n`;
};

/** Undefined for anything but a lock's content. */
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
 * Opens the file, so that a network file system asks its server; never follows a link, and does not wait for a pipe's writer.
 * Undefined if nothing has that name.
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
    return { isFile: true, text: readFromSync({ path, file }, 0, LONGEST_BYTES).toString() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESTALE") return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}

const SPECIAL = "a device, pipe or socket";

/** Whether a lock has this content. */
export function isLock(path: string, content: string): boolean {
  const found = readLock(path);
  return found?.isFile === true && found.text === content;
}

/** The file attributes that a beat changes. */
export function timesOf(path: string): string {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.mtimeNs} ${found.ctimeNs}`;
}

/** Links instead of creating, so that the file never appears without its content. */
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
    // If a server's answer was lost, the request is repeated and finds the link that it made itself.
    return fstatSync(file).nlink === 2;
  } finally {
    // A lock that was taken must not be lost because of the file it was linked from.
    unlessItFails(() => closeSync(file));
    unlessItFails(() => rmSync(staged, { force: true }));
  }
}

/** {@link tryTake} on file systems without hard links, such as FAT: for a moment the file appears without its content. */
function tryMake(path: string, content: string): boolean {
  try {
    writeNewFileSync(path, Buffer.from(content));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The lock to hold while removing the lock with this content. */
export const guardOf = (path: string, content: string): string =>
  `${path}.${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;

/** Only call it while holding the lock of its removal. */
export function removeGuarded(path: string, content: string): void {
  if (isLock(path, content)) rmSync(path, { force: true });
}

/** Removes the lock with this content, unless another process is about to do so. */
export function removeLock(path: string, content: string): void {
  const guard = guardOf(path, content);
  const own = newContent();
  try {
    if (!tryTake(guard, own)) {
      clearLeftover(guard, isGone);
      if (!tryTake(guard, own)) return;
    }
  } catch {
    // If no file can be created, nobody else is about to remove it either.
  }
  removeGuarded(path, content);
  removeGuarded(guard, own);
}

/** Removes what processes left that were killed while taking or releasing this lock, as far as can be determined. */
export function clearLeftovers(path: string): void {
  const [folder, own] = [dirname(path), basename(path)];
  for (const name of unlessItFails(() => readdirSync(folder)) ?? []) {
    if (name.startsWith(own) && LEFTOVER.test(name.slice(own.length)))
      unlessItFails(() => clearLeftover(join(folder, name), isGoneOrOld));
  }
}

/** Follows a lock's name: its guard's suffix, or that of the file one of them was linked from. */
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

/** A file of a process killed before it had written its name is judged by its age. */
const isGoneOrOld = (path: string, content: string): boolean =>
  isGone(path, content) || Date.now() - lstatSync(path).mtimeMs > LEFT_MS;
