import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, describe, expect, it } from "vitest";
import { ParquetFile } from "./parquet-file.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-parquet-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

function write(name: string, texts: readonly string[]): string {
  const columnData = [{ name: "text", data: [...texts], type: "STRING" as const }];
  parquetWriteFile({ filename: at(name), columnData });
  return at(name);
}

describe("ParquetFile", () => {
  it("reads no other file that has its name by now, and waits for no pipe", async () => {
    const path = write("a.parquet", ["a fox"]);
    const file = await ParquetFile.open(path);
    expect(await file.rows(file.leaves, 0, 1)).toEqual([{ text: "a fox" }]);
    renameSync(write("b.parquet", ["a bear"]), path);
    await expect(file.rows(file.leaves, 0, 1)).rejects.toThrow(
      `${path}: rows 0 to 0: expected readable pages but found a file that was changed after it was listed`,
    );
    rmSync(path);
    execFileSync("mkfifo", [path]);
    await expect(file.rows(file.leaves, 0, 1)).rejects.toThrow("but found no regular file");
  });

  it("goes from file to file, each at any time again", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `${i}.parquet`);
    const files = await Promise.all(names.map((name) => ParquetFile.open(write(name, [name]))));
    for (let round = 0; round < 2; round += 1) {
      for (const [i, file] of files.entries())
        expect(await file.rows(file.leaves, 0, 1)).toEqual([{ text: names[i] }]);
    }
  });

  it("decodes a group once for all of its parts", async () => {
    const count = 140_000;
    const path = at("parts.parquet");
    const numbers = Array.from({ length: count }, (_, i) => i);
    parquetWriteFile({
      filename: path,
      columnData: [
        { name: "text", data: numbers.map((i) => `caption ${i}`), type: "STRING" },
        { name: "tags", data: numbers.map((i) => [`a${i}`, "b"]), type: "JSON" },
        { name: "id", data: numbers, type: "INT32" },
      ],
      rowGroupSize: count,
    });
    const file = await ParquetFile.open(path);
    const found: Record<string, unknown>[] = [];
    for await (const part of file.parts(file.leaves, 0)) {
      found.push(...part);
      rmSync(path, { force: true }); // the others come from what is decoded
    }
    expect(found).toHaveLength(count);
    for (const i of [0, 65_535, 65_536, 139_999])
      expect(found[i]).toEqual({ text: `caption ${i}`, tags: [`a${i}`, "b"], id: i });
    expect(Object.keys(found[0] ?? {})).toEqual(["text", "tags", "id"]);
  });

  it("counts once what is unpacked, whatever packed it", async () => {
    const path = at("gzip.parquet");
    const picture = new Uint8Array(60 * 2 ** 20); // of 96 MiB that little bytes may become
    parquetWriteFile({
      filename: path,
      columnData: [{ name: "image", data: [picture], type: "BYTE_ARRAY" }],
      codec: "GZIP",
      compressors: { GZIP: (bytes) => gzipSync(bytes) },
    });
    const file = await ParquetFile.open(path);
    const [row] = await file.rows(file.leaves, 0, 1);
    expect(row).toMatchObject({ image: { length: picture.length } });
  });
});
