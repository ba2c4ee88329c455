import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder, makeTemporaryFolder } from "./make-folder.ts";
import { isMountPoint } from "./mount-points.ts";
import { removeTree } from "./remove.ts";
import { renameToFree } from "./rename.ts";
import { syncFolder, syncFolders } from "./sync-folder.ts";
import { FileWriteError } from "./write-error.ts";

/**
 * A place next to the target file or folder, in a hidden folder that is new and this process's own, so that nothing of anybody
 * else's is ever in the way. What is written to {@link path} gets the target's name by {@link publish}, completely or not at all;
 * if only that fails, it stays. Without publishing, it is removed when the staging is disposed. A killed process leaves
 * `.tmp-NAME-…` behind.
 */
export class Staging implements AsyncDisposable {
  /** Where to write: nothing exists there yet. Has the target's own name. */
  readonly path: string;
  readonly #target: string;
  readonly #folder: string;
  #stays = false;
  #publishing: Promise<string> | undefined;

  private constructor(target: string, folder: string) {
    this.path = join(folder, basename(target));
    this.#target = target;
    this.#folder = folder;
  }

  /** Also creates missing folders above the target. Throws FileWriteError. */
  static async beside(target: string): Promise<Staging> {
    const path = resolve(target);
    await makeFolder(dirname(path));
    if (await isMountPoint(path)) throw mounted(path);
    return new Staging(path, await makeTemporaryFolder(dirname(path), basename(path)));
  }

  /** Gives the written content the target's name, replacing only an empty folder, and returns that name. */
  publish(): Promise<string> {
    this.#publishing ??= this.#publish();
    return this.#publishing;
  }

  async #publish(): Promise<string> {
    if ((await stat(this.path)).isDirectory()) await syncFolders(this.path);
    try {
      const aim = `rename what was written, which stays at ${this.path}, to this name`;
      await renameToFree(this.path, this.#target, aim);
    } catch (error) {
      this.keep(); // it may be the result of hours of work
      throw error;
    }
    await syncFolder(dirname(this.#target));
    return this.#target;
  }

  /** Leaves the written content in place for inspection. */
  keep(): void {
    this.#stays = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It may still be pending: `return staging.publish()` disposes first.
    await this.#publishing?.catch(() => {});
    if (this.#stays) return;
    // The result of the work, or its error, matters more than whether the remains could be removed.
    await removeTree(this.#folder).catch((error: unknown) => process.emitWarning(String(error)));
  }
}

/** Nothing can be renamed to a mount point, such as a container's volume. */
const mounted = (path: string): FileWriteError =>
  new FileWriteError(
    { path, aim: "put the new content in its place" },
    { code: "EBUSY", found: "another folder mounted there", advice: "choose a name in it" },
  );
