import { constants } from "node:buffer";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DescribedPicture } from "../described-picture.ts";
import { readMetadataLines } from "./metadata-lines.ts";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-lines-"));
  path = join(folder, "metadata.jsonl");
});
afterAll(() => rm(folder, { recursive: true }));

async function read(content: string | Buffer): Promise<DescribedPicture[]> {
  await writeFile(path, content);
  return readMetadataLines(path);
}

describe("readMetadataLines", () => {
  it("reads captions and any other columns, with CRLF, a BOM, blank lines and no last newline", async () => {
    const lines = await read(
      '\ufeff{"file_name": "a.png", "text": "狐 🦊", "score": 1}\r\n\n{"file_name": "b.png", "text": null}\n{"file_name": "c.png"}',
    );
    expect(lines).toEqual([
      { where: `${path} line 1`, fileName: "a.png", text: "狐 🦊", columns: { score: 1 } },
      { where: `${path} line 3`, fileName: "b.png", text: undefined, columns: {} },
      { where: `${path} line 4`, fileName: "c.png", text: undefined, columns: {} },
    ]);
  });

  it("reads what Python writes: NaN, infinities and whole numbers beyond 2^53", async () => {
    const lines = await read(
      '{"file_name": "a.png", "text": "x", "score": NaN, "id": 9007199254740993}\n{"file_name": "b.png", "text": NaN, "score": -Infinity}\n',
    );
    expect(lines.map(({ text, columns }) => [text, columns])).toEqual([
      ["x", { score: Number.NaN, id: 9007199254740993n }],
      [undefined, { score: Number.NEGATIVE_INFINITY }],
    ]);
  });

  it("reads UTF-16 with a byte order mark", async () => {
    const text = '\ufeff{"file_name": "狐.png", "text": "Füchslein"}\r\n{"file_name": "b.png"}\r\n';
    for (const bytes of [Buffer.from(text, "utf16le"), Buffer.from(text, "utf16le").swap16()]) {
      expect((await read(bytes)).map(({ fileName, text }) => [fileName, text])).toEqual([
        ["狐.png", "Füchslein"],
        ["b.png", undefined],
      ]);
    }
  });

  it.each([
    ["{file_name: x}", 'line 2: expected JSON but found "{file_name: x}"'],
    ["[1]", "line 2: expected a JSON object but found [1]"],
    ["null", "line 2: expected a JSON object but found null"],
    ['{"text": "x"}', 'line 2: expected a path for "file_name" but found nothing'],
    [
      '{"file_name": 9007199254740993}',
      'line 2: expected a path for "file_name" but found "9007199254740993"',
    ],
    ['{"file_name": 7}', 'line 2: expected a path for "file_name" but found 7'],
    ['{"file_name": "a.png", "text": [7]}', 'line 2: expected a string for "text" but found [7]'],
  ])("names file and line of %s", async (line, message) => {
    await expect(read(`{"file_name": "ok.png"}\n${line}\n`)).rejects.toThrow(`${path} ${message}`);
  });

  it("reads lines that lie across the pieces that it is read in", async () => {
    const long = "狐".repeat(500_000);
    const captions = Array.from({ length: 5 }, (_, i) => `${i}${long}`);
    const content = captions
      .map((text, i) => `${JSON.stringify({ file_name: `${i}.png`, text })}\n`)
      .join("");
    for (const bytes of [Buffer.from(content), Buffer.from(`\ufeff${content}`, "utf16le")])
      expect((await read(bytes)).map(({ text }) => text)).toEqual(captions);
  });

  it("looks at each line's size and not at the file's, which may be more than a text can hold", async () => {
    await writeFile(path, '{"file_name": "a.png"}\n');
    await truncate(path, 2 * constants.MAX_STRING_LENGTH);
    await expect(readMetadataLines(path)).rejects.toThrow(`${path} line 2: expected at most`);
  });

  it("refuses a line of more bytes than a caption has, a folder, and damaged UTF-16", async () => {
    await expect(read(`\n{"text": "${"a".repeat(2 ** 24)}"}`)).rejects.toThrow(
      `${path} line 2: expected at most 16777216 bytes but found more; write one object per line`,
    );
    const half = Buffer.concat([Buffer.from("\ufeff{", "utf16le"), Buffer.from([0x3e])]);
    await expect(read(half)).rejects.toThrow(`${path}: expected UTF-16 but found other bytes`);
    await expect(readMetadataLines(folder)).rejects.toThrow(
      `${folder}: file: expected a table of captions but found a folder`,
    );
  });

  it("refuses bytes that are not UTF-8 instead of guessing", async () => {
    const latin = Buffer.from('{"file_name": "a.png", "text": "F\xfcchslein"}', "latin1");
    await expect(read(latin)).rejects.toThrow(
      `${path} line 1: expected UTF-8 but found other bytes`,
    );
  });
});
