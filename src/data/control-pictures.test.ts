import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ColumnSource, parquetWriteFile } from "hyparquet-writer";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import type { DatasetOptions } from "./dataset.ts";
import { readDataset } from "./read-dataset.ts";

let work = "";
let root = "";
let pngs: Uint8Array[] = [];
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-control-pictures-"));
  pngs = await Promise.all([0, 1, 2, 3].map((i) => RgbImage.filled(4, 4, [i, 0, 0]).encodePng()));
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(() => {
  count += 1;
  root = join(work, `${count}`);
});

/** Writes files below the root: the PNG of a number, or text. */
async function write(contents: Record<string, number | string>): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(
      join(root, name),
      typeof content === "number" ? (pngs[content] ?? "") : content,
    );
  }
}

/** Each entry's name, and which of the pictures its control picture is. */
async function controls(place: string, options: DatasetOptions = {}): Promise<unknown[]> {
  const { entries, missingCaption } = await readDataset(join(root, place), options);
  expect(missingCaption).toEqual([]);
  return Promise.all(
    entries.map(async ({ file, control }) => {
      const bytes = await control?.read();
      return [file, bytes && pngs.findIndex((png) => Buffer.from(png).equals(bytes))];
    }),
  );
}

const lines = (...records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");

describe("control pictures", () => {
  it("are named in a table beside the pictures, and are no pictures themselves", async () => {
    await write({
      "data/sub/a.png": 0,
      "data/sub/maps/a.png": 1,
      "data/sub/b.png": 2,
      "data/sub/metadata.jsonl": lines(
        { file_name: "a.png", text: "an a", conditioning_image: "maps/a.png" },
        { file_name: "b.png", text: "a b" },
      ),
    });
    expect(await controls("data")).toEqual([
      ["sub/a.png", 1],
      ["sub/b.png", undefined],
    ]);
  });

  it("are in the column that is named", async () => {
    await write({
      "data/a.png": 0,
      "data/edges.png": 1,
      "data/depth.png": 2,
      "data/metadata.csv": "image,text,depth,control_image\na.png,an a,depth.png,edges.png\n",
    });
    const { entries } = await readDataset(join(root, "data"), { controlColumn: "depth" });
    expect(entries.map(({ control }) => control?.path)).toEqual([join(root, "data/depth.png")]);
  });

  it("stay inside the folder of a table", async () => {
    await write({
      "outside.png": 1,
      "data/a.png": 0,
      "data/metadata.jsonl": lines({
        file_name: "a.png",
        text: "an a",
        control_image: "../outside.png",
      }),
    });
    await expect(controls("data")).rejects.toThrow(
      `${join(root, "data/metadata.jsonl")} line 1: expected a path inside ${join(root, "data")} but found "../outside.png"`,
    );
  });

  it("have their pictures' names in a folder of their own, whatever their format", async () => {
    await write({
      "data/a.png": 0,
      "data/a.txt": "an a",
      "data/sub/a.png": 0,
      "data/sub/a.txt": "another a",
      "data/b.png": 0,
      "data/b.txt": "a b",
      "maps/a.jpg": 1,
      "maps/sub/a.webp": 2,
    });
    expect(await controls("data", { controlFolder: join(root, "maps") })).toEqual([
      ["a.png", 1],
      ["b.png", undefined],
      ["sub/a.png", 2],
    ]);
    await write({ "maps/a.png": 3 });
    await expect(controls("data", { controlFolder: join(root, "maps") })).rejects.toThrow(
      `Expected one control picture of each name but found ${join(root, "maps/a.jpg")} and ${join(root, "maps/a.png")}. Keep one of them`,
    );
  });

  const text: ColumnSource = { name: "text", data: ["an a", "a b"], type: "STRING" };

  it("are in a parquet's own column, by their bytes", async () => {
    await mkdir(join(root, "data"), { recursive: true });
    parquetWriteFile({
      filename: join(root, "data/train.parquet"),
      columnData: [
        { name: "image", data: [pngs[0], pngs[1]], type: "BYTE_ARRAY" },
        { name: "conditioning_image", data: [pngs[2], pngs[3]], type: "BYTE_ARRAY" },
        text,
      ],
    });
    const found = await controls("data");
    expect(found.map((row) => (row as unknown[])[1])).toEqual([2, 3]);
  });

  it("are in a parquet's own column, by their paths", async () => {
    await write({ "data/map.png": 1 });
    const columns = (second: string) => ({
      filename: join(root, "data/train.parquet"),
      columnData: [
        { name: "image", data: [pngs[0], pngs[1]], type: "BYTE_ARRAY" as const },
        { name: "control_image", data: ["map.png", second], type: "STRING" as const },
        text,
      ],
    });
    parquetWriteFile(columns("map.png"));
    expect((await controls("data")).map((row) => (row as unknown[])[1])).toEqual([1, 1]);
    parquetWriteFile(columns("../map.png"));
    await expect(controls("data")).rejects.toThrow(
      `${join(root, "data/train.parquet")} row 1: expected a path inside ${join(root, "data")} but found "../map.png"`,
    );
  });
});
