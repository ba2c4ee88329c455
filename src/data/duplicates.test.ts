import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { RgbImage } from "../images/index.ts";
import { differenceHash, equalGroups, pixelHash, similarGroups } from "./duplicates.ts";

/** A smooth picture of some waves, another one for each seed. */
function waves(seed: number, side = 64): RgbImage {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [(pixel % side) / side, Math.floor(pixel / side) / side];
    return 128 + 60 * Math.sin(9 * x * seed + y) + 60 * Math.cos(7 * y * seed + (i % 3));
  });
  return new RgbImage(side, side, data);
}

/** Numbers in [0, 1), other ones for each seed (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("duplicates", () => {
  it("finds equal pixels whatever the file", async () => {
    const png = await RgbImage.decode(await waves(1).encodePng());
    expect(equalGroups([waves(1), waves(2), png].map(pixelHash))).toEqual([[0, 2]]);
    // As many bytes in another shape are another picture.
    const [flat, tall] = [
      new RgbImage(4, 1, new Uint8Array(12)),
      new RgbImage(1, 4, new Uint8Array(12)),
    ];
    expect(pixelHash(flat)).not.toBe(pixelHash(tall));
  });

  it("finds pictures that were scaled, compressed or brightened, and no others", async () => {
    const raw = sharp(waves(1).data, { raw: { width: 64, height: 64, channels: 3 } });
    const pictures = [
      waves(1),
      waves(2),
      await waves(1).resize(48, 40),
      await RgbImage.decode(await raw.clone().jpeg({ quality: 40 }).toBuffer()),
      await RgbImage.decode(await raw.clone().linear(1.05, 4).png().toBuffer()),
      waves(3),
    ];
    const hashes = await Promise.all(pictures.map(differenceHash));
    expect(similarGroups(hashes)).toEqual([[0, 2, 3, 4]]);
  });

  it("takes no time for many blank pictures, and tells shapes on one background apart", async () => {
    const random = numbers(1);
    const shapes = Array.from({ length: 200 }, () => {
      const image = RgbImage.filled(64, 64, [255, 255, 255]);
      for (let i = 0; i < 64 * 64; i++) {
        const [x, y] = [i % 64, i >> 6];
        if (x >= 16 && x < 48 && y >= 16 && y < 48)
          image.data.fill(random() * 256, 3 * i, 3 * i + 3);
      }
      return image;
    });
    const looks = await Promise.all(shapes.map(differenceHash));
    const blank = await differenceHash(RgbImage.filled(64, 64, [255, 255, 255]));
    const many = Array.from({ length: 40_000 }, (_, i) => i);
    const begun = performance.now();
    expect(similarGroups([...many.map(() => blank), ...looks])).toEqual([many]);
    expect(performance.now() - begun).toBeLessThan(3000);
  });

  it("finds all that differ in 10 bits, wherever they are", () => {
    const random = numbers(2);
    for (let i = 0; i < 1000; i++) {
      const one = Uint16Array.from({ length: 16 }, () => random() * 2 ** 16);
      const words = [...one.keys()].sort(() => random() - 0.5).slice(0, 10);
      const other = one.map((word, at) =>
        words.includes(at) ? word ^ (1 << (random() * 16)) : word,
      );
      expect(similarGroups([one, other])).toEqual([[0, 1]]);
    }
  });

  it("links by up to 10 bits of 256", () => {
    const bits = (count: number): Uint16Array =>
      Uint16Array.from({ length: 16 }, (_, word) => (word < count ? 1 : 0));
    expect(similarGroups([bits(0), bits(10)])).toEqual([[0, 1]]);
    expect(similarGroups([bits(0), bits(11)])).toEqual([]);
    expect(similarGroups([bits(0), bits(16), bits(8)])).toEqual([[0, 1, 2]]);
  });
});
