import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { newFileStream } from "../../files/open-file.ts";
import { formatPythonJson } from "../../files/reading/python-json.ts";
import { writing } from "../../files/write-error.ts";
import { stemOf } from "../layouts/picture-names.ts";
import { columnsWithCaptions } from "../layouts/several-captions.ts";
import { splitFileName } from "../layouts/splits.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";

interface Shard {
  readonly pack: Pack;
  /** Settles when everything is on disk. */
  written: Promise<void>;
  bytes: number;
}

/**
 * WebDataset shards: `key.png`, `key.txt` and, if there are other columns, `key.json`. If pictures are held out, each split has
 * its own shards, `test-00000.tar`, since readers recognize splits only by that.
 */
export class WebDatasetWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #maxShardBytes: number;
  readonly #hasSplits: boolean;
  readonly #counts = new Map<string, number>();
  readonly #shards = new Map<string, Shard>();

  constructor(folder: string, maxShardBytes: number, hasSplits: boolean) {
    this.#folder = folder;
    this.#maxShardBytes = maxShardBytes;
    this.#hasSplits = hasSplits;
  }

  /** The key ends at the first dot, so a name may contain only one. */
  fileName(file: string): string {
    const folder = file.slice(0, file.lastIndexOf("/") + 1);
    const [, stem = "", extension = ""] = /^(.*)(\.[^.]*)$/s.exec(file.slice(folder.length)) ?? [];
    return `${folder}${stem.replaceAll(".", "_")}${extension}`;
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    for (const picture of pictures) {
      const { file, bytes, text } = picture;
      const columns = columnsWithCaptions(picture);
      const key = stemOf(file);
      const files: [string, Uint8Array][] = [
        [file, bytes],
        [`${key}.txt`, Buffer.from(text)],
      ];
      if (Object.keys(columns).length > 0) {
        files.push([`${key}.json`, Buffer.from(formatPythonJson(columns))]);
      }
      // A header of 512 bytes, and contents in 512-byte blocks.
      const size = files.reduce(
        (sum, [, { length }]) => sum + 512 + Math.ceil(length / 512) * 512,
        0,
      );
      const shard = await this.#shardFor(this.#hasSplits ? `${splitFileName(picture)}-` : "", size);
      shard.bytes += size;
      for (const [name, content] of files) await addFile(shard, name, content);
    }
  }

  async finish(): Promise<void> {
    for (const split of [...this.#shards.keys()]) await this.#close(split);
  }

  async #close(split: string): Promise<void> {
    const shard = this.#shards.get(split);
    this.#shards.delete(split);
    shard?.pack.finalize();
    await shard?.written;
  }

  async #shardFor(split: string, bytes: number): Promise<Shard> {
    const full = this.#shards.get(split);
    if (full !== undefined && full.bytes + bytes > this.#maxShardBytes) await this.#close(split);
    const open = this.#shards.get(split);
    if (open !== undefined) return open;
    const count = this.#counts.get(split) ?? 0;
    const path = join(this.#folder, `${split}${String(count).padStart(5, "0")}.tar`);
    const tar = pack();
    const shard = { pack: tar, written: Promise.resolve(), bytes: 0 };
    // The required size is known by the time that writing fails.
    const attempt = {
      path,
      get aim(): string {
        return `write ${shard.bytes} bytes or more`;
      },
    };
    shard.written = writing(attempt, () => pipeline(tar, newFileStream(path)));
    // It may fail while nothing awaits it; the error is reported at the next file.
    shard.written.catch(() => {});
    this.#counts.set(split, count + 1);
    this.#shards.set(split, shard);
    return shard;
  }
}

/** No owner and no date, so that the same pictures give the same bytes. */
async function addFile({ pack, written }: Shard, name: string, content: Uint8Array): Promise<void> {
  const added = new Promise<void>((resolve, reject) => {
    const header = { name, size: content.length, mtime: new Date(0) };
    // The file stream's own error says why writing failed; this one only says that it was aborted.
    const done = (error?: Error | null): void =>
      void (error ? written.then(() => reject(error), reject) : resolve());
    // Through the stream and not as an argument: only then is backpressure from a slow disk respected.
    const entry = pack.entry(header, done);
    entry.on("error", done);
    entry.end(content);
  });
  await Promise.race([added, written.then(() => added)]);
}
