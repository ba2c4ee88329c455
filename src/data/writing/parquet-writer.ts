import { join } from "node:path";
import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import { makeFolder } from "../../files/make-folder.ts";
import { syncFile } from "../../files/open-file.ts";
import { renamePath } from "../../files/rename.ts";
import { syncFolder } from "../../files/sync-folder.ts";
import { type WriteAttempt, writing, writingSync } from "../../files/write-error.ts";
import { captionsOf } from "../layouts/several-captions.ts";
import { splitFileName } from "../layouts/splits.ts";
import { type ColumnType, columnTypes, featureOf, schemaOf, storedValue } from "./column-type.ts";
import type { DatasetWriter, WrittenControl, WrittenPicture } from "./dataset-writer.ts";
import { CONTROL_COLUMN } from "./written-controls.ts";

/** As in Hugging Face's `datasets` for pictures, so that one can be read without unpacking thousands. */
const ROWS_PER_GROUP = 100;

const AIM = "write pictures to it";

interface Shard {
  readonly path: string;
  readonly split: string;
  readonly writer: ParquetWriter;
  rows: WrittenPicture[];
  bytes: number;
}

/**
 * Parquet files in the Hub's format: `data/train-00000-of-00002.parquet`, one series per split, with the struct of bytes and path
 * that `datasets` knows as its Image feature.
 */
export class ParquetDatasetWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #maxShardBytes: number;
  readonly #types: ReadonlyMap<string, ColumnType>;
  /** List type if a picture has several captions. */
  readonly #text: ColumnType;
  /** The columns of pictures. */
  readonly #pictures: readonly string[];
  readonly #open = new Map<string, Shard>();
  readonly #finished: Shard[] = [];

  /** Columns must be known before the first row is written. */
  constructor(
    folder: string,
    maxShardBytes: number,
    rows: readonly (Omit<WrittenPicture, "bytes" | "control"> & { readonly control?: unknown })[],
  ) {
    this.#folder = join(folder, "data");
    this.#maxShardBytes = maxShardBytes;
    const types = columnTypes(rows.map(({ columns }) => columns));
    const hasControls = rows.some(({ control }) => control !== undefined);
    this.#pictures = hasControls ? ["image", CONTROL_COLUMN] : ["image"];
    for (const name of [...this.#pictures, "text"]) types.delete(name);
    this.#types = types;
    this.#text = rows.some((row) => captionsOf(row).length > 1) ? { list: "string" } : "string";
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    await makeFolder(this.#folder);
    for (const picture of pictures) {
      const name = splitFileName(picture);
      const shard = this.#open.get(name) ?? this.#newShard(name);
      shard.rows.push(picture);
      shard.bytes += picture.bytes.length + (picture.control?.bytes.length ?? 0);
      if (shard.rows.length === ROWS_PER_GROUP) await this.#writeGroup(shard);
      if (shard.bytes >= this.#maxShardBytes) await this.#close(shard);
    }
  }

  async finish(): Promise<void> {
    for (const shard of [...this.#open.values()]) await this.#close(shard);
    for (const [at, { path, split }] of this.#finished.entries()) {
      const all = this.#finished.filter((shard) => shard.split === split);
      const number = this.#finished.slice(0, at).filter((shard) => shard.split === split).length;
      await syncFile(path);
      const digits = (count: number): string => String(count).padStart(5, "0");
      const name = `${split}-${digits(number)}-of-${digits(all.length)}.parquet`;
      await renamePath(path, join(this.#folder, name));
    }
    await syncFolder(this.#folder);
  }

  #newShard(split: string): Shard {
    const path = join(this.#folder, `${split}-${this.#finished.length}.part`);
    const writer = new ParquetWriter({
      // In a folder of our own, in which nobody else writes.
      writer: writingSync({ path, aim: AIM }, () => fileWriter(path)),
      schema: tableSchema(this.#pictures, this.#types, this.#text),
      kvMetadata: [
        {
          key: "huggingface",
          value: JSON.stringify({
            info: { features: tableFeatures(this.#pictures, this.#types, this.#text) },
          }),
        },
      ],
      createdBy: "pixart",
    });
    const shard = { path, split, writer, rows: [], bytes: 0 };
    this.#open.set(split, shard);
    return shard;
  }

  async #writeGroup(shard: Shard): Promise<void> {
    if (shard.rows.length === 0) return;
    const { rows } = shard;
    shard.rows = [];
    const group: Parameters<ParquetWriter["write"]>[0] = {
      rowGroupSize: rows.length,
      columnData: [
        ...this.#pictures.map((name) => ({
          name,
          data: rows.map((row) => pictureIn(name === CONTROL_COLUMN ? row.control : row)),
          // Pictures are already compressed, and no two are alike.
          encoding: "PLAIN" as const,
          codec: "UNCOMPRESSED" as const,
          statistics: false,
        })),
        {
          name: "text",
          data: rows.map((row) => (this.#text === "string" ? row.text : captionsOf(row))),
        },
        ...[...this.#types].map(([name, type]) => ({
          name,
          data: rows.map(({ columns }) => storedValue(columns[name], type)),
        })),
      ],
    };
    await writing(attemptOf(shard), async () => shard.writer.write(group));
  }

  async #close(shard: Shard): Promise<void> {
    await this.#writeGroup(shard);
    await writing(attemptOf(shard), async () => shard.writer.finish());
    this.#open.delete(shard.split);
    this.#finished.push(shard);
  }
}

const attemptOf = ({ path, bytes }: Shard): WriteAttempt => ({
  path,
  aim: `${AIM}, of ${bytes} bytes`,
  neededBytes: bytes,
});

/** A cell of a column of pictures. */
const pictureIn = (picture: WrittenControl | undefined): object | undefined =>
  picture && { bytes: picture.bytes, path: picture.file };

const tableSchema = (
  pictures: readonly string[],
  types: ReadonlyMap<string, ColumnType>,
  text: ColumnType,
): SchemaElement[] => [
  { name: "schema", num_children: pictures.length + 1 + types.size },
  ...pictures.flatMap((name): SchemaElement[] => [
    { name, num_children: 2, repetition_type: "OPTIONAL" },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  ]),
  ...schemaOf("text", text),
  ...[...types].flatMap(([name, type]) => schemaOf(name, type)),
];

/** The features that `datasets` stores in the schema's metadata. */
const tableFeatures = (
  pictures: readonly string[],
  types: ReadonlyMap<string, ColumnType>,
  text: ColumnType,
): Record<string, unknown> => ({
  ...Object.fromEntries(pictures.map((name) => [name, { _type: "Image" }])),
  text: featureOf(text),
  ...Object.fromEntries([...types].map(([name, type]) => [name, featureOf(type)])),
});
