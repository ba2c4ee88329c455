import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { InternalError } from "../errors/index.ts";
import { makeWithParent } from "../files/make-below.ts";
import { removeFile } from "../files/remove.ts";
import { replaceFile } from "../files/replace-file.ts";
import { parseTemporaryName } from "../files/temporary-name.ts";
import type { Tensor } from "../torch/index.ts";
import {
  BadFileError,
  readSafetensors,
  type SafetensorsFile,
  toTensorBytes,
} from "../weights/index.ts";
import { encodeSafetensors, type TensorBytes } from "../weights/safetensors/safetensors-bytes.ts";

/** Bytes collected before they are written: the most that a killed run loses. */
const SHARD_BYTES = 64 * 2 ** 20;
/** After this time everything is written, however little: slow encoders lose minutes, not hours. */
const FLUSH_MS = 5 * 60_000;
const SHARD_NAME = /^shard-([0-9a-f]{16})\.safetensors$/;
/** Writing a shard takes seconds: an older unfinished one has no writer any more. */
const ABANDONED_MS = 60 * 60_000;

/**
 * Tensors computed by encoders, with keys that identify their inputs; written once, then memory-mapped. A shard is named after
 * the hash of its bytes, so a damaged one is detected when the store is opened, deleted and computed again. Several runs may
 * write to one folder.
 */
export class FeatureStore {
  readonly #folder: string;
  readonly #files: SafetensorsFile[] = [];
  readonly #owners = new Map<string, SafetensorsFile>();
  readonly #shardBytes: number;
  #pending = new Map<string, TensorBytes>();
  #pendingBytes = 0;
  /** Keys that are being written. */
  readonly #writing = new Set<string>();
  /** Settles when everything handed over so far is on disk. */
  #written: Promise<void> = Promise.resolve();
  #flushedAt = performance.now();

  private constructor(folder: string, shardBytes: number) {
    this.#folder = folder;
    this.#shardBytes = shardBytes;
  }

  /** Opens a folder; it and its parent need not exist, but everything above must. `warn` is called for damaged shards. */
  static async open(
    folder: string,
    warn: (message: string) => void,
    shardBytes: number = SHARD_BYTES,
  ): Promise<FeatureStore> {
    const store = new FeatureStore(folder, shardBytes);
    makeWithParent(folder);
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      if (isUnfinished(name)) await removeAbandoned(path);
      const hash = SHARD_NAME.exec(name)?.[1];
      if (hash === undefined) continue;
      const found = await unlessGone(hashOf(path));
      if (found === hash) {
        store.#add(readSafetensors(path));
      } else if (found !== undefined) {
        warn(`The cached features in ${path} are damaged; they will be computed again`);
        await removeFile(path);
      }
    }
    return store;
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
    const path = join(this.#folder, `shard-${hash.digest("hex").slice(0, 16)}.safetensors`);
    await replaceFile(path, chunks);
    this.#add(readSafetensors(path));
    for (const key of shard.keys()) this.#writing.delete(key);
  }

  #add(file: SafetensorsFile): void {
    this.#files.push(file);
    for (const key of file.tensors.keys()) this.#owners.set(key, file);
  }

  /** Closes the files; tensors already handed out remain valid. */
  dispose(): void {
    for (const file of this.#files) file.close();
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

/** Whether a hidden file is a shard left unfinished by a killed process. */
function isUnfinished(hidden: string): boolean {
  const { kind, name = "" } = parseTemporaryName(hidden) ?? {};
  return kind === "tmp" && SHARD_NAME.test(name);
}

async function removeAbandoned(path: string): Promise<void> {
  const found = await unlessGone(lstat(path));
  if (found?.isFile() && Date.now() - found.mtimeMs > ABANDONED_MS) await removeFile(path);
}
