import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withLateExif } from "../../test/fixtures/late-exif.ts";
import { tries } from "../../test/reliability/counts.ts";
import { ImageError } from "../errors/index.ts";
import { pictureSize, RgbImage } from "./rgb-image.ts";

/** Mutated files of each format. */
const ROUNDS = tries(500, 5_000);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-images-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A picture in which every byte differs from its neighbours. */
function pattern(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
  return new RgbImage(width, height, data);
}

const raw = (image: RgbImage): Sharp =>
  sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });

/** A PNG whose header claims another size than its pixels have. */
async function claiming(width: number, height: number): Promise<Uint8Array> {
  const [header, ...rest] = extractChunks(await pattern(8, 8).encodePng());
  const data = Buffer.from(header?.data ?? []);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  return encodeChunks([{ name: "IHDR", data }, ...rest]);
}

describe("RgbImage", () => {
  it("refuses data of another length and impossible sizes", () => {
    expect(() => new RgbImage(2, 2, new Uint8Array(11))).toThrow(
      "Expected 12 bytes (2x2, RGB) for data but received 11",
    );
    expect(() => new RgbImage(0, 2, new Uint8Array(0))).toThrow(
      "Expected whole positive numbers for width and height but received 0 and 2",
    );
  });

  it("gives back every byte that it saved as PNG, from bytes and from a path", async () => {
    const image = pattern(7, 5);
    expect(await RgbImage.decode(await image.encodePng())).toEqual(image);
    const path = join(folder, "new", "sub", "x.png");
    await image.save(path);
    expect(await RgbImage.decode(path)).toEqual(image);
    expect(await readdir(join(folder, "new", "sub"))).toEqual(["x.png"]);
  });

  it("saves PNG only, whatever the name promises", async () => {
    await expect(pattern(2, 2).save(join(folder, "x.jpg"))).rejects.toThrow(
      `Expected a name that ends in .png for path but received ${join(folder, "x.jpg")}`,
    );
  });

  it("lays transparency on white and makes grey, 16-bit and CMYK pictures RGB", async () => {
    const clear = await sharp({
      create: { width: 2, height: 1, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect([...(await RgbImage.decode(clear)).data]).toEqual([255, 255, 255, 255, 255, 255]);
    const grey = await sharp(Buffer.from([7, 200]), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect([...(await RgbImage.decode(grey)).data]).toEqual([7, 7, 7, 200, 200, 200]);
    const deep = await raw(pattern(4, 4)).toColourspace("rgb16").png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    expect(await RgbImage.decode(deep)).toEqual(pattern(4, 4));
    const cmyk = await raw(RgbImage.filled(16, 16, [250, 250, 250]))
      .toColourspace("cmyk")
      .jpeg()
      .toBuffer();
    expect((await RgbImage.decode(cmyk)).data.length).toBe(16 * 16 * 3);
  });

  it("turns a picture upright as its EXIF says", async () => {
    const lying = await raw(pattern(6, 4)).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await RgbImage.decode(lying)).toMatchObject({ width: 4, height: 6 });
  });

  it.each([1, 3, 6, 8])("does so wherever a PNG has it: orientation %i", async (orientation) => {
    const early = await raw(pattern(6, 4)).withMetadata({ orientation }).png().toBuffer();
    const late = withLateExif(early);
    const upright = await RgbImage.decode(early);
    expect(await RgbImage.decode(late)).toEqual(upright);
    const { width, height } = upright;
    expect(await pictureSize(late, "late")).toEqual({ width, height });
  });

  it.each(["nearest", "linear", "cubic", "lanczos3"] as const)(
    "resamples a part as it would the whole: %s",
    async (kernel) => {
      for (const [fromWidth, fromHeight, width, height] of [
        [40, 30, 17, 90],
        [13, 60, 50, 20],
        [90, 200, 80, 21], // the height first
        [20, 20, 20, 20],
      ] as const) {
        const image = pattern(fromWidth, fromHeight);
        const whole = await image.resize(width, height, kernel);
        for (const part of [
          { left: 0, top: 0, width, height },
          { left: 5, top: 9, width: 7, height: 6 },
          { left: width - 3, top: height - 1, width: 3, height: 1 },
        ]) {
          const { left, top } = part;
          expect((await image.resizePart({ width, height }, part, kernel)).data).toEqual(
            whole.crop(left, top, part.width, part.height).data,
          );
        }
      }
      const beyond = { left: 1, top: 0, width: 4, height: 4 };
      await expect(
        pattern(8, 8).resizePart({ width: 4, height: 4 }, beyond, kernel),
      ).rejects.toThrow("Expected a rectangle inside 4x4 but received 4x4 at (1, 0)");
    },
  );

  it("covers a square with a very thin picture, without making all of it large", async () => {
    const thin = pattern(8000, 1);
    const middle = thin.crop(3999, 0, 2, 1); // the kept 1024 of 8,192,000 pixels are of these two
    const square = await thin.resize(1024, 1024, "linear", "cover");
    expect(square.crop(511, 0, 2, 1024).data).toEqual(
      (await middle.resize(2048, 1024, "linear")).crop(1023, 0, 2, 1024).data,
    );
    const tall = await pattern(1, 8000).resize(1024, 1024, "nearest", "cover");
    expect(tall.data).toHaveLength(3 * 1024 ** 2);
  });

  it("stretches, crops and pads", async () => {
    const wide = RgbImage.filled(8, 4, [10, 20, 30]);
    expect(await wide.resize(4, 4)).toEqual(RgbImage.filled(4, 4, [10, 20, 30]));
    expect(await wide.resize(4, 4, "lanczos3", "cover")).toEqual(
      RgbImage.filled(4, 4, [10, 20, 30]),
    );
    const padded = await wide.resize(8, 8, "nearest", "contain");
    expect([...padded.data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect([...padded.data.subarray(8 * 4 * 3, 8 * 4 * 3 + 3)]).toEqual([10, 20, 30]);
    expect((await pattern(2, 1).resize(4, 2, "nearest")).data.subarray(0, 12)).toEqual(
      Uint8Array.from([0, 37, 74, 0, 37, 74, 111, 148, 185, 111, 148, 185]),
    );
  });

  it("names the file and the reason for what it can't read", async () => {
    const missing = join(folder, "missing.png");
    await expect(RgbImage.decode(missing)).rejects.toThrow(`${missing}: there is no such file`);
    await expect(RgbImage.decode(folder)).rejects.toThrow(
      `${folder}: expected a file but found a folder`,
    );
    const svg = join(folder, "drawing.png");
    await writeFile(svg, '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(RgbImage.decode(svg)).rejects.toThrow(
      `${svg}: expected a JPEG, PNG, WebP or AVIF picture but found an SVG or other XML`,
    );
    const gif = await sharp({ create: { width: 2, height: 2, channels: 3, background: "#fff" } })
      .gif()
      .toBuffer();
    await expect(RgbImage.decode(gif)).rejects.toThrow(
      `picture of ${gif.length} bytes: expected a JPEG, PNG, WebP or AVIF picture but found a GIF`,
    );
  });

  it("refuses a cut-off picture of every format", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919 + (i >> 3)) % 251);
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const whole = await raw(new RgbImage(64, 64, noise))
        .toFormat(format)
        .toBuffer();
      const cut = whole.subarray(0, Math.floor(whole.length * 0.6));
      await expect(RgbImage.decode(cut), format).rejects.toThrow(
        `the ${format.toUpperCase()} data is damaged, cut off or of an unsupported kind`,
      );
    }
  });

  it("refuses a bomb from its header, soon and without its memory", async () => {
    const bomb = await claiming(12_000, 12_000);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    await expect(RgbImage.decode(bomb)).rejects.toThrow(
      "expected at most 64 megapixels but found 12000x12000 (144.0 megapixels)",
    );
    expect(performance.now() - start).toBeLessThan(50);
    expect(process.memoryUsage().rss - before).toBeLessThan(20e6);
    // libvips would print a warning of its own on stderr.
    await expect(RgbImage.decode(await claiming(2 ** 31 - 1, 1))).rejects.toThrow(
      "expected sides of at most 10000000 pixels but found 2147483647x1",
    );
    await expect(
      RgbImage.decode(await pattern(10, 10).encodePng(), { maxPixels: 99 }),
    ).rejects.toThrow("found 10x10");
  });

  it(`answers ${4 * ROUNDS} mutated files of four formats with a picture or an ImageError`, {
    timeout: tries(60_000, 3_600_000),
  }, async () => {
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const outcomes = { picture: 0, refused: 0 };
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const whole = await raw(pattern(24, 24)).toFormat(format).toBuffer();
      for (let round = 0; round < ROUNDS; round += 1) {
        const mutant = Uint8Array.from(whole);
        for (let flips = 1 + random(8); flips > 0; flips -= 1)
          mutant[random(mutant.length)] = random(256);
        const start = performance.now();
        try {
          await RgbImage.decode(mutant.subarray(0, mutant.length - (round % 3) * random(40)));
          outcomes.picture += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
          outcomes.refused += 1;
        }
        expect(performance.now() - start).toBeLessThan(5_000);
      }
    }
    expect(outcomes.picture + outcomes.refused).toBe(4 * ROUNDS);
    expect(outcomes.refused).toBeGreaterThan(ROUNDS);
  });
});
