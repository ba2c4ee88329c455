import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { InternalError } from "../errors/index.ts";
import { makeWithParent } from "../files/make-below.ts";
import { removeFile } from "../files/remove.ts";
import { replaceFile } from "../files/replace-file.ts";
import { parseTemporaryName } from "../files/temporary-name.ts";
import { FileWriteError } from "../files/write-error.ts";
import type { Tensor } from "../torch/index.ts";
import {
  BadFileError,
  readSafetensors,
  type SafetensorsFile,
  toTensorBytes,
} from "../weights/index.ts";
import { encodeSafetensors, type TensorBytes } from "../weights/safetensors/safetensors-bytes.ts";
import { VERIFIED_FILE, VerifiedFiles } from "./verified-files.ts";

/** Bytes collected before they are written: the most that a killed run loses. */
const SHARD_BYTES = 64 * 2 ** 20;
/** After this time everything is written, however little: slow encoders lose minutes, not hours. */
const FLUSH_MS = 5 * 60_000;
const SHARD_NAME = /^shard-([0-9a-f]{16})\.safetensors$/;
/**
 * Writing a shard takes seconds: an older unfinished one has no writer any more. The clock may be set ahead while one is written,
 * by hours if the zone was wrong.
 */
const ABANDONED_MS = 24 * 60 * 60_000;

/** The user of a store who opened it. */
const OPENER = Symbol("opener");

/**
 * Tensors computed by encoders, with keys that identify their inputs; written once, then memory-mapped. A shard is named after
 * the hash of its bytes. When the store is opened, shards are hashed that are new or have changed since they were last found
 * whole (see {@link VerifiedFiles}); damaged ones are deleted and computed again. Several runs may write to one folder.
 */
export class FeatureStore implements Disposable {
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  /** By the shard's name. */
  readonly #files = new Map<string, SafetensorsFile>();
  readonly #users = new Set<symbol>([OPENER]);
  readonly #owners = new Map<string, SafetensorsFile>();
  readonly #shardBytes: number;
  #pending = new Map<string, TensorBytes>();
  #pendingBytes = 0;
  /** Keys that are being written. */
  readonly #writing = new Set<string>();
  /** Settles when everything handed over so far is on disk. */
  #written: Promise<void> = Promise.resolve();
  #flushedAt = performance.now();

  private constructor(folder: string, warn: (message: string) => void, shardBytes: number) {
    this.#folder = folder;
    this.#warn = warn;
    this.#shardBytes = shardBytes;
  }

  /**
   * Opens a folder; it and its parent need not exist, but everything above must. `warn` is called for damaged shards, and if it
   * cannot be recorded which ones are whole.
   */
  static async open(
    folder: string,
    warn: (message: string) => void,
    shardBytes: number = SHARD_BYTES,
  ): Promise<FeatureStore> {
    const store = new FeatureStore(folder, warn, shardBytes);
    makeWithParent(folder);
    await store.refresh();
    return store;
  }

  /** Adds the shards that other processes have written since. */
  async refresh(): Promise<void> {
    const verified = await VerifiedFiles.recall(this.#folder);
    const names = (await readdir(this.#folder)).sort();
    for (const name of names) {
      if (isUnfinished(name)) await removeAbandoned(join(this.#folder, name));
      const hash = SHARD_NAME.exec(name)?.[1];
      if (hash !== undefined && !this.#files.has(name)) await this.#open(name, hash, verified);
    }
    try {
      await verified.save(names);
    } catch (error) {
      if (!(error instanceof FileWriteError)) throw error;
      this.#warn(`The cached features will be checked again at the next start: ${error.message}`);
    }
  }

  async #open(name: string, hash: string, verified: VerifiedFiles): Promise<void> {
    const path = join(this.#folder, name);
    const isWhole = await unlessGone(
      verified.isWhole(path, async () => (await hashOf(path)) === hash),
    );
    if (isWhole) {
      this.#add(name);
    } else if (isWhole === false) {
      this.#warn(`The cached features in ${path} are damaged; they will be computed again`);
      await removeFile(path);
    }
  }

  /** The keys in a folder, judged by the files' headers alone: damaged shards may be included. */
  static async keysIn(folder: string): Promise<Set<string>> {
    const keys = new Set<string>();
    const names = (await unlessGone(readdir(folder))) ?? [];
    for (const name of names.filter((each) => SHARD_NAME.test(each))) {
      try {
        using file = readSafetensors(join(folder, name));
        for (const key of file.tensors.keys()) keys.add(key);
      } catch (error) {
        if (!(error instanceof BadFileError)) throw error;
      }
    }
    return keys;
  }

  /** Number of keys on disk. */
  get size(): number {
    return this.#owners.size;
  }

  has(key: string): boolean {
    return this.#owners.has(key) || this.#pending.has(key) || this.#writing.has(key);
  }

  /** A memory-mapped tensor; the caller disposes of it. Throws if {@link flush} was not called since it was put. */
  get(key: string): Tensor {
    const file = this.#owners.get(key);
    if (file === undefined) throw new InternalError(`Expected features under the key ${key}`);
    return file.tensor(key);
  }

  /** Stores the tensors' current values. */
  async put(tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    for (const [key, made] of toTensorBytes(tensors)) {
      this.#pending.set(key, made);
      this.#pendingBytes += made.bytes.length;
    }
    const isDue = performance.now() - this.#flushedAt >= FLUSH_MS;
    if (this.#pendingBytes >= this.#shardBytes || isDue) await this.flush();
  }

  /** Writes everything that was put; returns when all of it is on disk, including writes started by other calls. */
  async flush(): Promise<void> {
    // Others may put while this call waits for the disk: their tensors go into the next shard.
    const shard = this.#pending;
    this.#pending = new Map();
    this.#pendingBytes = 0;
    this.#flushedAt = performance.now();
    if (shard.size > 0) {
      for (const key of shard.keys()) this.#writing.add(key);
      const earlier = this.#written;
      this.#written = earlier.then(() => this.#write(shard));
    }
    await this.#written;
  }

  async #write(shard: ReadonlyMap<string, TensorBytes>): Promise<void> {
    const chunks = encodeSafetensors(shard);
    const hash = createHash("sha256");
    for (const chunk of chunks) hash.update(chunk);
    const name = `shard-${hash.digest("hex").slice(0, 16)}.safetensors`;
    await replaceFile(join(this.#folder, name), chunks);
    this.#add(name);
    for (const key of shard.keys()) this.#writing.delete(key);
  }

  #add(name: string): void {
    const file = readSafetensors(join(this.#folder, name));
    this.#files.get(name)?.close();
    this.#files.set(name, file);
    for (const key of file.tensors.keys()) this.#owners.set(key, file);
  }

  /** Keeps the files open for one more user, who calls the returned function at the end. */
  share(): () => void {
    const user = Symbol("user");
    this.#users.add(user);
    return () => this.#leave(user);
  }

  /** Closes the files once nobody shares them any more; tensors already handed out remain valid. */
  dispose(): void {
    this.#leave(OPENER);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #leave(user: symbol): void {
    if (!this.#users.delete(user) || this.#users.size > 0) return;
    for (const file of this.#files.values()) file.close();
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest("hex").slice(0, 16);
}

/** Undefined if another process has deleted the file in the meantime. */
const unlessGone = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

/** Whether a hidden file is one of a store's, left unfinished by a killed process. */
function isUnfinished(hidden: string): boolean {
  const { kind, name = "" } = parseTemporaryName(hidden) ?? {};
  return kind === "tmp" && (SHARD_NAME.test(name) || name === VERIFIED_FILE);
}

async function removeAbandoned(path: string): Promise<void> {
  const found = await unlessGone(lstat(path));
  if (found?.isFile() && Date.now() - found.mtimeMs > ABANDONED_MS) await removeFile(path);
}
