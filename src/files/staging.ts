import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder, makeTemporaryFolder } from "./make-folder.ts";
import { isMountPoint } from "./mount-points.ts";
import { removeTree } from "./remove.ts";
import { renameToFree } from "./rename.ts";
import { syncFolder, syncFolders } from "./sync-folder.ts";
import { FileWriteError } from "./write-error.ts";

/**
 * A place beside a file or folder that is to be made, in a hidden folder that is new and this process's own, so that nothing
 * of anybody else's is ever in the way. What is written to {@link path} takes the target's name by {@link publish}, whole or
 * not at all; where only that fails it stays. Without that it is removed when the staging is disposed. A killed process leaves
 * `.tmp-NAME-…` behind.
 */
export class Staging implements AsyncDisposable {
  /** Where to write: nothing is there yet. Has the target's own name. */
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

  /** Makes the folders above the target too, where they are missing. Throws FileWriteError. */
  static async beside(target: string): Promise<Staging> {
    const path = resolve(target);
    await makeFolder(dirname(path));
    if (await isMountPoint(path)) throw mounted(path);
    return new Staging(path, await makeTemporaryFolder(dirname(path), basename(path)));
  }

  /** Gives what was written the target's name, in the place of an empty folder but of nothing else; gives that name. */
  publish(): Promise<string> {
    this.#publishing ??= this.#publish();
    return this.#publishing;
  }

  async #publish(): Promise<string> {
    if ((await stat(this.path)).isDirectory()) await syncFolders(this.path);
    try {
      const aim = `give what was written, which stays at ${this.path}, this name`;
      await renameToFree(this.path, this.#target, aim);
    } catch (error) {
      this.keep(); // hours of work may lie there
      throw error;
    }
    await syncFolder(dirname(this.#target));
    return this.#target;
  }

  /** Leaves what was written where it is, for people to look at. */
  keep(): void {
    this.#stays = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nobody need have waited for it: `return staging.publish()` disposes first.
    await this.#publishing?.catch(() => {});
    if (this.#stays) return;
    // What the work came to, or why it failed, matters more than whether its remains could be removed.
    await removeTree(this.#folder).catch((error: unknown) => process.emitWarning(String(error)));
  }
}

/** Nothing can be renamed to a name that something is mounted at, such as a container's volume. */
const mounted = (path: string): FileWriteError =>
  new FileWriteError(
    { path, aim: "put what is to be written in its place" },
    { code: "EBUSY", found: "another folder mounted there", advice: "choose a name in it" },
  );
