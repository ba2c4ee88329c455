import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage, readPicture } from "../images/index.ts";
import { loadPictures, UnreadablePicturesError } from "./load-pictures.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-load-"));
});
afterAll(() => rm(folder, { recursive: true }));

const colour = (index: number): [number, number, number] => [index, 255 - index, (index * 7) % 256];

type Picture = { path: string; read: () => Promise<Uint8Array> };

const pictureAt = (path: string): Picture => ({ path, read: () => readPicture(path) });

async function save(name: string, bytes: Uint8Array | string): Promise<Picture> {
  await writeFile(join(folder, name), bytes);
  return pictureAt(join(folder, name));
}

describe("loadPictures", () => {
  it("puts the pictures into one array in the given order", async () => {
    const entries = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => ({
        ...(await save(`${i}.png`, await RgbImage.filled(8, 8, colour(i)).encodePng())),
        label: i,
      })),
    );
    const loaded = await loadPictures(entries, { size: 8 });
    expect(loaded.shape).toEqual([20, 8, 8, 3]);
    expect(loaded.entries).toEqual(entries);
    expect(loaded.unreadable).toEqual([]);
    for (let i = 0; i < 20; i += 1) {
      expect(loaded.data.subarray(i * 192, (i + 1) * 192)).toEqual(
        RgbImage.filled(8, 8, colour(i)).data,
      );
    }
  });

  it("crops, pads or stretches another aspect ratio", async () => {
    const half = new RgbImage(
      8,
      4,
      new Uint8Array(8 * 4 * 3).map((_, i) => (i % 24 < 6 ? 0 : 200)),
    );
    const entry = await save("wide.png", await half.encodePng());
    const corner = async (fit: "cover" | "contain" | "fill"): Promise<number | undefined> =>
      (await loadPictures([entry], { size: 4, fit })).data[0];
    expect(await corner("cover")).toBe(200);
    expect(await corner("contain")).toBe(255);
    expect(await corner("fill")).toBeLessThan(40);
  });

  it("leaves damaged pictures out, lists every one and never replaces any", async () => {
    const noise = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7919 + (i >> 3)) % 251);
    const raw = sharp(noise, { raw: { width: 32, height: 32, channels: 3 } });
    const [jpeg, png, webp, avif] = await Promise.all(
      (["jpeg", "png", "webp", "avif"] as const).map((format) =>
        raw.clone().toFormat(format).toBuffer(),
      ),
    );
    const whole = png as Buffer;
    const flipped = Buffer.from(whole);
    flipped[whole.indexOf("IDAT") + 40] = (flipped[whole.indexOf("IDAT") + 40] as number) ^ 0xff;
    const [header, ...chunks] = extractChunks(whole);
    const size = Buffer.from(header?.data ?? []);
    size.writeUInt32BE(9000, 0);
    size.writeUInt32BE(9000, 4);
    const wideHeader = Buffer.from(encodeChunks([{ name: "IHDR", data: size }, ...chunks]));
    const damages: (Buffer | string)[] = [
      (jpeg as Buffer).subarray(0, 400),
      whole.subarray(0, 700),
      (webp as Buffer).subarray(0, 300),
      (avif as Buffer).subarray(0, 300),
      whole.subarray(0, 20),
      flipped,
      wideHeader,
      "",
      "not a picture",
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
      await raw.clone().gif().toBuffer(),
      await raw.clone().tiff().toBuffer(),
    ];
    const good = await RgbImage.filled(8, 8, [9, 8, 7]).encodePng();
    const entries = [];
    const damaged = new Set<string>();
    for (let i = 0; i < 60; i += 1) {
      const damage = i % 5 === 2 ? damages[(i - 2) / 5] : undefined;
      entries.push(await save(`mixed-${i}.png`, damage ?? good));
      if (damage !== undefined) damaged.add(join(folder, `mixed-${i}.png`));
    }
    expect(damaged.size).toBe(12);

    const loaded = await loadPictures(entries, { size: 8, maxUnreadable: 0.2 });
    expect(loaded.shape[0]).toBe(48);
    expect(new Set(loaded.unreadable.map(({ path }) => path))).toEqual(damaged);
    expect(loaded.unreadable.every(({ reason }) => reason.length > 10)).toBe(true);
    expect(loaded.entries).toEqual(entries.filter(({ path }) => !damaged.has(path)));
    expect(loaded.data).toEqual(RgbImage.filled(8, 8 * 48, [9, 8, 7]).data);

    const refused = await loadPictures(entries, { size: 8, maxUnreadable: 0.19 }).catch(
      (error) => error,
    );
    expect(refused).toBeInstanceOf(UnreadablePicturesError);
    expect(refused.unreadable).toEqual(loaded.unreadable);
    expect(refused.message).toContain(
      "12 of 60 pictures can't be read, more than maxUnreadable 0.19 allows.",
    );
    expect(refused.message).toMatch(/\n {2}and 7 more$/);
  });

  it("allows no unreadable picture unless told", async () => {
    const path = join(folder, "never.png");
    await expect(loadPictures([pictureAt(path)], { size: 8 })).rejects.toThrow(
      "1 of 1 pictures can't be read, more than maxUnreadable 0 allows. Remove or repair them, or raise " +
        `maxUnreadable to train without them:\n  ${path}: there is no such file`,
    );
  });

  it("refuses a size and a fraction that make no sense", async () => {
    await expect(loadPictures([], { size: 0 })).rejects.toThrow(
      "Expected a whole number above 0 for size but received 0",
    );
    await expect(loadPictures([], { size: 8, maxUnreadable: 5 })).rejects.toThrow(
      "Expected a fraction from 0 to 1 for maxUnreadable but received 5",
    );
  });
});
