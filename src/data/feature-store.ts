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

/** Bytes gathered before they are written: what a killed run loses at most. */
const SHARD_BYTES = 64 * 2 ** 20;
/** What is written after this time however little it is: slow encoders lose minutes, not hours. */
const FLUSH_MS = 5 * 60_000;
const SHARD_NAME = /^shard-([0-9a-f]{16})\.safetensors$/;
/** A shard takes seconds to write: what is older has no writer. */
const ABANDONED_MS = 60 * 60_000;

/**
 * Tensors that encoders made, by keys that say what they were made of: written once, mapped from disk afterwards. A shard
 * is named by the hash of its bytes, so that a damaged one is found when the store is opened, thrown away and made
 * anew; several runs may write into one folder.
 */
export class FeatureStore {
  readonly #folder: string;
  readonly #files: SafetensorsFile[] = [];
  readonly #owners = new Map<string, SafetensorsFile>();
  readonly #shardBytes: number;
  #pending = new Map<string, TensorBytes>();
  #pendingBytes = 0;
  /** Keys on their way to the disk. */
  readonly #writing = new Set<string>();
  /** Settles when all that was handed to the disk so far is there. */
  #written: Promise<void> = Promise.resolve();
  #flushedAt = performance.now();

  private constructor(folder: string, shardBytes: number) {
    this.#folder = folder;
    this.#shardBytes = shardBytes;
  }

  /** Opens a folder, which need not exist, nor the one that it is in; all above that must. `warn` is told of damaged shards. */
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
        warn(`The cached features in ${path} are damaged; they are made anew`);
        await removeFile(path);
      }
    }
    return store;
  }

  /** The keys of a folder, by its files' headers alone: damaged shards may be among them. */
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

  /** How many keys it holds on disk. */
  get size(): number {
    return this.#owners.size;
  }

  has(key: string): boolean {
    return this.#owners.has(key) || this.#pending.has(key) || this.#writing.has(key);
  }

  /** A tensor of the file, mapped; the caller's to dispose. Throws where {@link flush} has not been called since it came. */
  get(key: string): Tensor {
    const file = this.#owners.get(key);
    if (file === undefined) throw new InternalError(`Expected features under the key ${key}`);
    return file.tensor(key);
  }

  /** Takes tensors' present values. */
  async put(tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    for (const [key, made] of toTensorBytes(tensors)) {
      this.#pending.set(key, made);
      this.#pendingBytes += made.bytes.length;
    }
    const isDue = performance.now() - this.#flushedAt >= FLUSH_MS;
    if (this.#pendingBytes >= this.#shardBytes || isDue) await this.flush();
  }

  /** Writes what was put; returns when all of it is on the disk, also what other calls have begun to write. */
  async flush(): Promise<void> {
    // Others may put while this one waits for the disk: theirs goes into the next shard.
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

  /** Closes the files; tensors that were given out stay. */
  dispose(): void {
    for (const file of this.#files) file.close();
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest("hex").slice(0, 16);
}

/** Undefined where another process has thrown the file away meanwhile. */
const unlessGone = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

/** Whether it is what a process that was killed leaves of a shard. */
function isUnfinished(hidden: string): boolean {
  const { kind, name = "" } = parseTemporaryName(hidden) ?? {};
  return kind === "tmp" && SHARD_NAME.test(name);
}

async function removeAbandoned(path: string): Promise<void> {
  const found = await unlessGone(lstat(path));
  if (found?.isFile() && Date.now() - found.mtimeMs > ABANDONED_MS) await removeFile(path);
}
