import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Tensor } from "../torch/index.ts";
import { replaceFile } from "../weights/durable-files.ts";
import { readSafetensors, type SafetensorsFile, toTensorBytes } from "../weights/index.ts";
import { encodeSafetensors, type TensorBytes } from "../weights/safetensors-bytes.ts";

/** Bytes gathered before they are written: what a killed run loses at most. */
const SHARD_BYTES = 64 * 2 ** 20;
const SHARD_NAME = /^shard-([0-9a-f]{16})\.safetensors$/;

/**
 * Tensors that encoders made, by keys that say what they were made of: written once, mapped from disk afterwards. A shard
 * is named by the hash of its bytes, so that a damaged one is found when the store is opened, thrown away and made
 * anew; several runs may write into one folder.
 */
export class FeatureStore {
  readonly #folder: string;
  readonly #files: SafetensorsFile[] = [];
  readonly #owners = new Map<string, SafetensorsFile>();
  #pending = new Map<string, TensorBytes>();
  #pendingBytes = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a folder, which need not exist. `warn` is told of damaged shards. */
  static async open(folder: string, warn: (message: string) => void): Promise<FeatureStore> {
    const store = new FeatureStore(folder);
    await mkdir(folder, { recursive: true });
    for (const name of (await readdir(folder)).sort()) {
      const hash = SHARD_NAME.exec(name)?.[1];
      if (hash === undefined) continue;
      const path = join(folder, name);
      if ((await hashOf(path)) === hash) {
        store.#add(readSafetensors(path));
      } else {
        warn(`The cached features in ${path} are damaged; they are made anew`);
        await unlink(path);
      }
    }
    return store;
  }

  /** How many keys it holds on disk. */
  get size(): number {
    return this.#owners.size;
  }

  has(key: string): boolean {
    return this.#owners.has(key) || this.#pending.has(key);
  }

  /** A tensor of the file, mapped; the caller's to dispose. Throws where {@link flush} has not been called since it came. */
  get(key: string): Tensor {
    const file = this.#owners.get(key);
    if (file === undefined) throw new RangeError(`Expected features under the key ${key}`);
    return file.tensor(key);
  }

  /** Takes tensors' present values. */
  async put(tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    for (const [key, made] of toTensorBytes(tensors)) {
      this.#pending.set(key, made);
      this.#pendingBytes += made.bytes.length;
    }
    if (this.#pendingBytes >= SHARD_BYTES) await this.flush();
  }

  /** Writes what was put. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    const chunks = encodeSafetensors(this.#pending);
    const hash = createHash("sha256");
    for (const chunk of chunks) hash.update(chunk);
    const path = join(this.#folder, `shard-${hash.digest("hex").slice(0, 16)}.safetensors`);
    await replaceFile(path, chunks);
    this.#pending = new Map();
    this.#pendingBytes = 0;
    this.#add(readSafetensors(path));
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
