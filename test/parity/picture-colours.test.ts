import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { runPython } from "./python.ts";

/** A picture as PNG files of 8 and of 16 bits, and its sRGB bytes by Pillow and littlecms. */
interface Picture {
  readonly name: string;
  readonly eight: Buffer;
  readonly sixteen: Buffer;
  readonly judged: Buffer;
}

let pictures: readonly Picture[];
beforeAll(async () => {
  const script = fileURLToPath(new URL("picture-colours.py", import.meta.url));
  const answers = (await runPython(script, null)) as Record<keyof Picture, string>[];
  pictures = answers.map(({ name, eight, sixteen, judged }) => ({
    name,
    eight: Buffer.from(eight, "base64"),
    sixteen: Buffer.from(sixteen, "base64"),
    judged: Buffer.from(judged, "base64"),
  }));
});

const largestDifference = ({ data }: RgbImage, judged: Uint8Array): number => {
  expect(data.length).toBe(judged.length);
  return data.reduce((most, v, i) => Math.max(most, Math.abs(v - (judged[i] ?? Number.NaN))), 0);
};

/** Transparency is laid on white in whole numbers. */
const tolerance = (name: string): number => (/RGBA|alpha/.test(name) ? 2 : 1);

describe("decoded pictures, with and without colour profiles", () => {
  it("have littlecms' colours to 1 of 255, in 8 and in 16 bits", async () => {
    expect(pictures.map(({ name }) => name)).toHaveLength(14);
    for (const { name, eight, sixteen, judged } of pictures) {
      expect((await sharp(sixteen).metadata()).depth, name).toBe("ushort");
      const [low, high] = [await RgbImage.decode(eight), await RgbImage.decode(sixteen)];
      expect(largestDifference(low, judged), `${name}, 8 bits`).toBeLessThanOrEqual(
        tolerance(name),
      );
      expect(largestDifference(high, judged), `${name}, 16 bits`).toBeLessThanOrEqual(
        tolerance(name),
      );
    }
  });

  it.each([10, 12] as const)("have them in AVIF of %i bits", async (bitdepth) => {
    // AVIF has no grey of its own: its pictures are colours, to which a grey profile says nothing.
    for (const { name, eight, judged } of pictures.filter((each) => !each.name.includes("grey"))) {
      const kept = sharp(eight).keepIccProfile();
      const avif = await kept.avif({ lossless: true, bitdepth }).toBuffer();
      expect((await sharp(avif).metadata()).bitsPerSample, name).toBe(bitdepth);
      const found = largestDifference(await RgbImage.decode(avif), judged);
      expect(found, name).toBeLessThanOrEqual(tolerance(name));
    }
  });
});
