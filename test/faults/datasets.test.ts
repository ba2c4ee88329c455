import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  loadPictures,
  MAX_UNREADABLE,
  UnreadablePicturesError,
} from "../../src/data/load-pictures.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { UnreadableLimit } from "../../src/data/unreadable-limit.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { ImageError, RgbImage } from "../../src/images/index.ts";

let work: string;
/** Twelve ways to damage a picture. */
let damages: (Uint8Array | string)[];
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-damage-"));
  const noise = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7919 + (i >> 3)) % 251);
  const raw = sharp(noise, { raw: { width: 32, height: 32, channels: 3 } });
  const as = (format: "jpeg" | "png" | "webp" | "avif" | "gif" | "tiff"): Promise<Buffer> =>
    raw.clone().toFormat(format).toBuffer();
  const png = await as("png");
  const flipped = Buffer.from(png);
  flipped[png.indexOf("IDAT") + 40] = (flipped[png.indexOf("IDAT") + 40] ?? 0) ^ 0xff;
  const [header, ...chunks] = extractChunks(png);
  const size = Buffer.from(header?.data ?? []);
  size.writeUInt32BE(60_000, 0);
  size.writeUInt32BE(60_000, 4);
  damages = [
    (await as("jpeg")).subarray(0, 400),
    png.subarray(0, 700),
    (await as("webp")).subarray(0, 300),
    (await as("avif")).subarray(0, 300),
    png.subarray(0, 20),
    flipped,
    // A bomb: 3,600 megapixels, says its header.
    Buffer.from(encodeChunks([{ name: "IHDR", data: size }, ...chunks])),
    "",
    "not a picture",
    '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
    await as("gif"),
    await as("tiff"),
  ];
});
afterAll(() => rm(work, { recursive: true }));

/** A folder of captioned pictures, some of them damaged; gives the damaged ones' paths. */
async function writeSet(folder: string, count: number, everyNth: number): Promise<string[]> {
  await mkdir(folder);
  const good = await RgbImage.filled(8, 8, [9, 8, 7]).encodePng();
  const damaged: string[] = [];
  const lines: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = `${String(i).padStart(4, "0")}.png`;
    const damage = i % everyNth === 0 ? damages[(i / everyNth) % damages.length] : undefined;
    await writeFile(join(folder, name), damage ?? good);
    if (damage !== undefined) damaged.push(join(folder, name));
    lines.push(JSON.stringify({ file_name: name, text: `picture ${i}` }));
  }
  await writeFile(join(folder, "metadata.jsonl"), lines.join("\n"));
  return damaged;
}

describe("damaged pictures", () => {
  it("of 1,000 with 200 damaged in 12 ways: the exact list, nothing replaced, a stop unless allowed", async () => {
    const folder = join(work, "fifth");
    const damaged = await writeSet(folder, 1000, 5);
    const dataset = await readDataset(folder);
    const loaded = await loadPictures(dataset.entries, { size: 8, maxUnreadable: 0.2 });
    const unreadable = [...dataset.unreadable, ...loaded.unreadable];
    expect(unreadable.map(({ path }) => path).sort()).toEqual(damaged);
    expect(unreadable.every(({ reason }) => reason.length > 10)).toBe(true);
    expect(loaded.entries).toHaveLength(800);
    expect(loaded.entries.some(({ path }) => damaged.includes(path))).toBe(false);
    expect(loaded.data).toEqual(RgbImage.filled(8, 8 * 800, [9, 8, 7]).data);

    const { entries, unreadable: known } = dataset;
    const refusedAt = (share: number): unknown => {
      try {
        new UnreadableLimit({ share, pictures: entries.length, known }).add(loaded.unreadable);
      } catch (error) {
        return error;
      }
    };
    expect(refusedAt(0.2)).toBeUndefined();
    const refused = refusedAt(MAX_UNREADABLE) as UnreadablePicturesError;
    expect(refused).toBeInstanceOf(UnreadablePicturesError);
    expect(refused.unreadable.map(({ path }: { path: string }) => path).sort()).toEqual(damaged);
    expect(refused.message).toContain(
      "200 of 1000 pictures can't be read, more than maxUnreadable 0.05 allows.",
    );
  });

  it("of which 1 in 25 is damaged: training goes on without them", async () => {
    const folder = join(work, "few");
    const damaged = await writeSet(folder, 100, 25);
    const { entries, unreadable } = await readDataset(folder);
    const loaded = await loadPictures(entries, { size: 8, maxUnreadable: MAX_UNREADABLE });
    expect(loaded.entries).toHaveLength(96);
    const all = [...unreadable, ...loaded.unreadable];
    expect(all.map(({ path }) => path).sort()).toEqual(damaged);
  });
});

/** The same numbers on every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("damaged containers and tables", () => {
  it.each([
    ["webdataset", "00000.tar"],
    ["csv", "metadata.csv"],
    ["jsonl", "metadata.jsonl"],
    ["captions", "captions.json"],
    ["pixart-json", "InternData/data_info.json"],
  ] as const)("mutated %s: an error that names it, or pictures", async (to, file) => {
    const source = join(work, `source-${to}`);
    await mkdir(source);
    for (let i = 0; i < 3; i += 1) {
      await RgbImage.filled(6, 6, [i, 1, 2]).save(join(source, `${i}.png`));
      await writeFile(join(source, `${i}.txt`), `picture ${i}`);
    }
    const folder = join(work, to);
    await convertDataset(source, folder, { to });
    const path = join(folder, file);
    const whole = await readFile(path);
    const random = randomFrom(7);
    const outcomes = { pictures: 0, refused: 0 };
    for (let round = 0; round < 60; round += 1) {
      const mutant = Uint8Array.from(whole);
      for (let flips = 1 + random(6); flips > 0; flips -= 1) {
        // Half of them where a parquet file has its footer.
        const from = random(2) === 0 ? Math.max(0, whole.length - 600) : 0;
        mutant[from + random(whole.length - from)] = random(256);
      }
      await writeFile(path, mutant.subarray(0, whole.length - (round % 5 === 0 ? random(400) : 0)));
      const start = performance.now();
      try {
        const { entries } = await readDataset(folder);
        for (const entry of entries) {
          await entry.read().then(
            () => {
              outcomes.pictures += 1;
            },
            (error) => {
              if (!(error instanceof ImageError)) throw error;
              outcomes.refused += 1;
            },
          );
        }
      } catch (error) {
        expect((error as Error).message).toContain(folder);
        outcomes.refused += 1;
      }
      expect(performance.now() - start).toBeLessThan(5000);
    }
    expect(outcomes.refused).toBeGreaterThan(0);
    expect(outcomes.pictures + outcomes.refused).toBeGreaterThanOrEqual(60);
  });

  // Only cut off, and not mutated: hyparquet 1.31.5 trusts run lengths, and may not come back from false ones.
  it("a parquet file that is cut off anywhere: an error that names it", async () => {
    const source = join(work, "source-cut");
    await mkdir(source);
    await RgbImage.filled(6, 6, [3, 1, 2]).save(join(source, "a.png"));
    await writeFile(join(source, "a.txt"), "a picture");
    const folder = join(work, "cut");
    await convertDataset(source, folder, { to: "parquet" });
    const path = join(folder, "data", "train-00000-of-00001.parquet");
    const whole = await readFile(path);
    for (let length = 0; length < whole.length; length += 37) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readDataset(folder)).rejects.toThrow(`${path}: footer: expected a parquet file`);
    }
  });
});
