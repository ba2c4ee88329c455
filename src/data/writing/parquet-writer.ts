import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import { syncFolder } from "../../weights/durable-files.ts";
import { splitFileName } from "../layouts/splits.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";

/** As Hugging Face's `datasets` writes pictures, so that one can be read without unpacking thousands. */
const ROWS_PER_GROUP = 100;

type ColumnType = "string" | "int64" | "float64" | "bool";

interface Shard {
  readonly path: string;
  readonly split: string;
  readonly writer: ParquetWriter;
  rows: WrittenPicture[];
  bytes: number;
}

/**
 * Parquet files as the Hub has them: `data/train-00000-of-00002.parquet`, one series a split, with
 * the struct of bytes and path that `datasets` knows as its Image feature.
 */
export class ParquetDatasetWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #maxShardBytes: number;
  readonly #types: ReadonlyMap<string, ColumnType>;
  readonly #open = new Map<string, Shard>();
  readonly #finished: Shard[] = [];

  /** Columns must be known before the first row is written. */
  constructor(
    folder: string,
    maxShardBytes: number,
    rows: Iterable<Readonly<Record<string, unknown>>>,
  ) {
    this.#folder = join(folder, "data");
    this.#maxShardBytes = maxShardBytes;
    this.#types = columnTypes(rows);
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const picture of pictures) {
      const name = splitFileName(picture);
      const shard = this.#open.get(name) ?? this.#newShard(name);
      shard.rows.push(picture);
      shard.bytes += picture.bytes.length;
      if (shard.rows.length === ROWS_PER_GROUP) await this.#writeGroup(shard);
      if (shard.bytes >= this.#maxShardBytes) await this.#close(shard);
    }
  }

  async finish(): Promise<void> {
    for (const shard of [...this.#open.values()]) await this.#close(shard);
    for (const [at, { path, split }] of this.#finished.entries()) {
      const all = this.#finished.filter((shard) => shard.split === split);
      const number = this.#finished.slice(0, at).filter((shard) => shard.split === split).length;
      const file = await open(path, "r+");
      await file.sync();
      await file.close();
      const digits = (count: number): string => String(count).padStart(5, "0");
      const name = `${split}-${digits(number)}-of-${digits(all.length)}.parquet`;
      await rename(path, join(this.#folder, name));
    }
    await syncFolder(this.#folder);
  }

  #newShard(split: string): Shard {
    const path = join(this.#folder, `${split}-${this.#finished.length}.part`);
    const writer = new ParquetWriter({
      writer: fileWriter(path),
      schema: schemaOf(this.#types),
      kvMetadata: [
        {
          key: "huggingface",
          value: JSON.stringify({ info: { features: featuresOf(this.#types) } }),
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
    await shard.writer.write({
      rowGroupSize: rows.length,
      columnData: [
        {
          name: "image",
          data: rows.map(({ bytes, file }) => ({ bytes, path: file })),
          // Pictures are compressed already, and no two are alike.
          encoding: "PLAIN",
          codec: "UNCOMPRESSED",
          statistics: false,
        },
        { name: "text", data: rows.map(({ text }) => text) },
        ...[...this.#types].map(([name, type]) => ({
          name,
          data: rows.map(({ columns }) => storedValue(columns[name], type)),
        })),
      ],
    });
  }

  async #close(shard: Shard): Promise<void> {
    await this.#writeGroup(shard);
    await shard.writer.finish();
    this.#open.delete(shard.split);
    this.#finished.push(shard);
  }
}

function columnTypes(rows: Iterable<Readonly<Record<string, unknown>>>): Map<string, ColumnType> {
  const types = new Map<string, ColumnType>();
  for (const columns of rows) {
    for (const [name, value] of Object.entries(columns)) {
      if (name === "image" || name === "text" || value === undefined || value === null) continue;
      const type = typeOf(value);
      const known = types.get(name) ?? type;
      const isNumeric = (t: ColumnType): boolean => t === "int64" || t === "float64";
      types.set(
        name,
        known === type ? type : isNumeric(known) && isNumeric(type) ? "float64" : "string",
      );
    }
  }
  return types;
}

function typeOf(value: unknown): ColumnType {
  if (typeof value === "boolean") return "bool";
  if (typeof value !== "number") return "string";
  return Number.isSafeInteger(value) ? "int64" : "float64";
}

function storedValue(value: unknown, type: ColumnType): unknown {
  if (value === undefined || value === null) return undefined;
  if (type === "int64") return BigInt(value as number);
  if (type === "string") return typeof value === "string" ? value : JSON.stringify(value);
  return value;
}

const PARQUET_TYPES: Readonly<Record<ColumnType, Pick<SchemaElement, "type" | "converted_type">>> =
  {
    string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
    int64: { type: "INT64" },
    float64: { type: "DOUBLE" },
    bool: { type: "BOOLEAN" },
  };

const schemaOf = (types: ReadonlyMap<string, ColumnType>): SchemaElement[] => [
  { name: "schema", num_children: 2 + types.size },
  { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  { name: "text", ...PARQUET_TYPES.string, repetition_type: "OPTIONAL" },
  ...[...types].map(
    ([name, type]): SchemaElement => ({
      name,
      ...PARQUET_TYPES[type],
      repetition_type: "OPTIONAL",
    }),
  ),
];

/** What `datasets` keeps in the schema's metadata. */
const featuresOf = (types: ReadonlyMap<string, ColumnType>): Record<string, unknown> => ({
  image: { _type: "Image" },
  text: { dtype: "string", _type: "Value" },
  ...Object.fromEntries([...types].map(([name, dtype]) => [name, { dtype, _type: "Value" }])),
});
