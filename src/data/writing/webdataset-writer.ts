import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { formatPythonJson } from "../../weights/python-json.ts";
import { stemOf } from "../layouts/picture-names.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";

interface Shard {
  readonly pack: Pack;
  readonly written: Promise<void>;
  bytes: number;
}

/** WebDataset's shards: `key.png`, `key.txt` and, where there are other columns, `key.json`. */
export class WebDatasetWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #maxShardBytes: number;
  #count = 0;
  #shard: Shard | undefined;

  constructor(folder: string, maxShardBytes: number) {
    this.#folder = folder;
    this.#maxShardBytes = maxShardBytes;
  }

  /** The key ends at the first dot, so that a name has one only. */
  fileName(file: string): string {
    const folder = file.slice(0, file.lastIndexOf("/") + 1);
    const [, stem = "", extension = ""] = /^(.*)(\.[^.]*)$/s.exec(file.slice(folder.length)) ?? [];
    return `${folder}${stem.replaceAll(".", "_")}${extension}`;
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    for (const { file, bytes, text, columns } of pictures) {
      const key = stemOf(file);
      const files: [string, Uint8Array][] = [
        [file, bytes],
        [`${key}.txt`, Buffer.from(text)],
      ];
      if (Object.keys(columns).length > 0) {
        files.push([`${key}.json`, Buffer.from(formatPythonJson(columns))]);
      }
      // A header of 512 bytes, and contents in blocks of as many.
      const size = files.reduce(
        (sum, [, { length }]) => sum + 512 + Math.ceil(length / 512) * 512,
        0,
      );
      const shard = await this.#shardFor(size);
      for (const [name, content] of files) await addFile(shard, name, content);
      shard.bytes += size;
    }
  }

  async finish(): Promise<void> {
    const shard = this.#shard;
    if (shard === undefined) return;
    this.#shard = undefined;
    shard.pack.finalize();
    await shard.written;
  }

  async #shardFor(bytes: number): Promise<Shard> {
    if (this.#shard !== undefined && this.#shard.bytes + bytes > this.#maxShardBytes)
      await this.finish();
    if (this.#shard === undefined) {
      const path = join(this.#folder, `${String(this.#count).padStart(5, "0")}.tar`);
      const tar = pack();
      const written = pipeline(tar, createWriteStream(path, { flags: "wx", flush: true }));
      // It fails while nobody waits for it yet; what is wrong is heard at the next file.
      written.catch(() => {});
      const shard = { pack: tar, written, bytes: 0 };
      this.#count += 1;
      this.#shard = shard;
    }
    return this.#shard;
  }
}

/** No owner and no date, so that the same pictures give the same bytes. */
async function addFile({ pack, written }: Shard, name: string, content: Uint8Array): Promise<void> {
  const added = new Promise<void>((resolve, reject) => {
    const header = { name, size: content.length, mtime: new Date(0) };
    // Through the stream and not as an argument: only so does it wait for a slow disk.
    pack.entry(header, (error) => (error ? reject(error) : resolve())).end(content);
  });
  await Promise.race([added, written.then(() => added)]);
}
