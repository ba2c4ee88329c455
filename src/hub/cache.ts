import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { makeFolder } from "../files/make-folder.ts";
import { renamePath } from "../files/rename.ts";
import { replaceFile, replaceLink, replaceWithCopy } from "../files/replace-file.ts";
import { syncFolder } from "../files/sync-folder.ts";
import type { RemoteFile } from "./remote-file.ts";
import type { Repository } from "./repository-name.ts";
import { formatTree, parseTree } from "./tree-file.ts";

const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a revision is a full commit hash, which never changes. */
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/**
 * One repository of the shared cache: `models--org--name/{refs,blobs,snapshots}` or `datasets--…`, in the layout described at
 * huggingface.co/docs/hub/local-cache, so that every library that uses it finds the same files.
 */
export class CachedRepository {
  readonly #folder: string;
  readonly #locks: string;
  /** Where {@link moveTo} took blobs, by their etags. */
  readonly #moved = new Map<string, string>();

  constructor(cacheFolder: string, { type, name }: Repository) {
    const repository = `${type}s--${name.replace("/", "--")}`;
    this.#folder = join(cacheFolder, repository);
    this.#locks = join(cacheFolder, ".locks", repository);
  }

  /** The folder of a revision's files. */
  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** The file with one content, named by its etag. */
  blob(etag: string): string {
    return join(this.#folder, "blobs", etag);
  }

  /** A file with one content: the blob, or where this object moved it. */
  content(etag: string): string {
    return this.#moved.get(etag) ?? this.blob(etag);
  }

  /**
   * Not huggingface_hub's `{etag}.lock`: that one is left behind after use, and locked with flock(), which Node does not have.
   */
  lock(etag: string): string {
    return join(this.#locks, `${etag}.pixart.lock`);
  }

  /** The commit that a branch or tag pointed to when it was last seen. */
  commitOf(revision: string): string | undefined {
    if (isCommit(revision)) return revision;
    const path = join(this.#folder, "refs", revision);
    const commit = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
    return isCommit(commit) ? commit : undefined;
  }

  /** The commits of which at least one file is cached. */
  commits(): readonly string[] {
    const path = join(this.#folder, "snapshots");
    return existsSync(path) ? readdirSync(path).filter(isCommit) : [];
  }

  /** Every file of a commit, if its list was stored, by this library or by huggingface_hub from 2.4 on. */
  listing(commit: string): ReadonlyMap<string, RemoteFile> | undefined {
    const path = this.#tree(commit);
    return existsSync(path) ? parseTree(readFileSync(path, "utf8")) : undefined;
  }

  /** Stores the list of a commit's files, and creates the folder for them. */
  async setListing(commit: string, files: ReadonlyMap<string, RemoteFile>): Promise<void> {
    const path = this.#tree(commit);
    await makeFolder(this.snapshot(commit));
    await makeFolder(dirname(path));
    await replaceFile(path, [Buffer.from(formatTree(files))]);
  }

  #tree(commit: string): string {
    return join(this.#folder, "trees", `${commit}.json`);
  }

  /** Stores the commit that a branch or tag points to. */
  async setReference(revision: string, commit: string): Promise<void> {
    if (this.commitOf(revision) === commit) return;
    const path = join(this.#folder, "refs", revision);
    await makeFolder(dirname(path));
    await replaceFile(path, [Buffer.from(commit)]);
  }

  /** Links a blob into a revision under a file's name. False if the file system has no symbolic links. */
  async link(commit: string, name: string, etag: string): Promise<boolean> {
    const path = await this.#place(commit, name);
    // Also replaces a link whose blob was deleted.
    return replaceLink(path, relative(dirname(path), this.blob(etag)));
  }

  /** Moves a blob into a revision. Only for one that is new: links of other revisions may lead to any other. */
  async moveTo(commit: string, name: string, etag: string): Promise<void> {
    const path = await this.#place(commit, name);
    await renamePath(this.blob(etag), path);
    await syncFolder(dirname(path));
    this.#moved.set(etag, path);
  }

  /** Copies a content into a revision. */
  async copyTo(commit: string, name: string, etag: string): Promise<void> {
    await replaceWithCopy(await this.#place(commit, name), this.content(etag));
  }

  /** The path of a revision's file, in an existing folder. */
  async #place(commit: string, name: string): Promise<string> {
    const path = join(this.snapshot(commit), name);
    await makeFolder(dirname(path));
    return path;
  }
}
