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
