import { mkdirSync, statSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryName } from "./temporary-name.ts";
import { FileWriteError, writing, writingSync } from "./write-error.ts";

// Node's own recursive mkdir loops forever below /proc, where folders can be seen but not created: each level is a separate call
// here.

const AIM = "make this folder";

/** Creates a folder and its missing parents. Returns the first that was created; undefined if all existed. */
export async function makeFolder(path: string): Promise<string | undefined> {
  return writing({ path, aim: AIM }, async () => {
    if (isFolder(path, await stat(path).catch(ignoreMissing))) return undefined;
    const first = isTop(path) ? undefined : await makeFolder(dirname(path));
    try {
      await mkdir(path);
      return first ?? path;
    } catch (error) {
      requireExisting(path, error, await stat(path).catch(ignoreMissing));
      return first; // another process was faster
    }
  });
}

/** {@link makeFolder}, synchronously. */
export function makeFolderSync(path: string): string | undefined {
  return writingSync({ path, aim: AIM }, () => {
    if (isFolder(path, statIfThere(path))) return undefined;
    const first = isTop(path) ? undefined : makeFolderSync(dirname(path));
    return makeOneFolderSync(path) ? (first ?? path) : first;
  });
}

/** Creates one folder, and none above it; false if it exists. */
export function makeOneFolderSync(path: string): boolean {
  return writingSync({ path, aim: AIM }, () => {
    try {
      mkdirSync(path);
      return true;
    } catch (error) {
      requireExisting(path, error, statIfThere(path));
      return false;
    }
  });
}

/** Creates a new folder in `parent` with a hidden, unguessable name. Its content is the caller's own. */
export async function makeTemporaryFolder(parent: string, name: string): Promise<string> {
  const path = join(parent, temporaryName(name));
  await writing({ path: join(parent, name), aim: "make a folder next to it" }, () => mkdir(path));
  return path;
}

interface Found {
  isDirectory(): boolean;
}

const isTop = (path: string): boolean => dirname(path) === path;

/** Throws if something else has the name. */
function isFolder(path: string, found: Found | undefined): boolean {
  if (found === undefined || found.isDirectory()) return found !== undefined;
  throw refused(path, "ENOTDIR", "a file of that name");
}

function requireExisting(path: string, error: unknown, found: Found | undefined): void {
  if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  if (!isFolder(path, found)) throw refused(path, "ENOENT", "a link that leads nowhere");
}

const refused = (path: string, code: string, found: string): FileWriteError =>
  new FileWriteError({ path, aim: AIM }, { code, found, advice: "choose another name" });

function statIfThere(path: string): Found | undefined {
  try {
    return statSync(path);
  } catch (error) {
    return ignoreMissing(error);
  }
}

/** Below a file nothing exists either; the file is reported when its turn comes. */
function ignoreMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
}
