import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WRITTEN_LAYOUTS } from "../../src/data/dataset.ts";
import { loadPictures } from "../../src/data/load-pictures.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";

const PICTURES = 100;
const FORMATS = ["png", "jpeg", "webp"] as const;
const captions = Array.from(
  { length: PICTURES },
  (_, i) => `picture ${i}, "quoted", 狐 🦊${i % 7 === 0 ? "\nwith a second line" : ""}`,
);

let work: string;
let source: string;
/** What any layout must give, worked out from the pictures as they were made. */
let expected: string[];
let firstBatch: Uint8Array;

/** Some numbers for the pixels of picture i. */
const noise = (i: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: 24 * 20 * 3 }, (_, at) => at * 31 + i * 97 + (at >> 4)));

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-layouts-"));
  source = join(work, "source");
  await mkdir(join(source, "images", "sub"), { recursive: true });
  const files: [string, Buffer, string][] = await Promise.all(
    captions.map(async (caption, i): Promise<[string, Buffer, string]> => {
      const format = FORMATS[i % 3] ?? "png";
      const name = `images/${i % 2 === 0 ? "sub/" : ""}p${(i * 37) % PICTURES}.${format === "jpeg" ? "jpg" : format}`;
      const raw = sharp(noise(i), { raw: { width: 24, height: 20, channels: 3 } });
      return [name, await raw.toFormat(format).toBuffer(), caption];
    }),
  );
  for (const [name, bytes, caption] of files) {
    await writeFile(join(source, name), bytes);
    await writeFile(join(source, name.replace(/\.\w+$/, ".txt")), caption);
  }
  expected = await Promise.all(
    files
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(async ([name, bytes, caption]) => {
        const pixels = await sharp(bytes).removeAlpha().raw().toBuffer();
        return createHash("sha256").update(`${name}\0${caption}\0`).update(pixels).digest("hex");
      }),
  );
  firstBatch = (await loadPictures((await readDataset(source)).entries, { size: 16 })).data;
});
afterAll(() => rm(work, { recursive: true }));

/** Hashes of names, captions and pixels, in the order that training sees them. */
async function hashes(folder: string): Promise<string[]> {
  const { entries } = await readDataset(folder);
  return Promise.all(
    entries.map(async (entry) => {
      const pixels = await sharp(await entry.read())
        .removeAlpha()
        .raw()
        .toBuffer();
      return createHash("sha256")
        .update(`${entry.file}\0${entry.text}\0`)
        .update(pixels)
        .digest("hex");
    }),
  );
}

describe("data set layouts", () => {
  it.each(WRITTEN_LAYOUTS)(
    "100 pictures give the same names, captions and pixels as %s",
    async (to) => {
      const out = join(work, to);
      const report = await convertDataset(source, out, { to, maxShardBytes: 30_000 });
      expect(report).toMatchObject({ pictures: PICTURES, unreadable: [], renamed: 0 });
      const dataset = await readDataset(out);
      expect(dataset).toMatchObject({ layout: to, images: PICTURES, captioned: PICTURES });
      expect(await hashes(out)).toEqual(expected);
      const batch = await loadPictures(dataset.entries, { size: 16 });
      expect(Buffer.from(batch.data).equals(firstBatch)).toBe(true);
    },
  );

  it("leaves the bytes of pictures as they were", async () => {
    const { entries } = await readDataset(join(work, "parquet"));
    for (const entry of entries.slice(0, 10)) {
      expect(Buffer.from(await entry.read())).toEqual(await readFile(join(source, entry.file)));
    }
  });

  it("begins a new parquet file and a new tar where one is full", async () => {
    expect(await readdir(join(work, "parquet", "data"))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^train-00001-of-0000\d\.parquet$/)]),
    );
    expect(await readdir(join(work, "webdataset"))).toContain("00001.tar");
  });
});
