import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import { withLateExif } from "../../test/fixtures/late-exif.ts";
import { decodeMask } from "./mask.ts";

/** A PNG of one row of RGBA pixels. */
const row = (...pixels: readonly (readonly number[])[]): Promise<Buffer> =>
  sharp(Buffer.from(pixels.flat()), { raw: { width: pixels.length, height: 1, channels: 4 } })
    .png()
    .toBuffer();
const reds = async (source: Buffer | string): Promise<number[]> => {
  const { data } = await decodeMask(source);
  return [...data].filter((_, i) => i % 3 === 0);
};

describe("a mask", () => {
  it("is white where the file is transparent, whatever its colours", async () => {
    const png = await row([255, 255, 255, 255], [0, 0, 0, 0], [255, 255, 255, 0], [9, 9, 9, 200]);
    expect(await reds(png)).toEqual([0, 255, 255, 0]);
  });

  it("is turned upright as its EXIF says, wherever a PNG has it", async () => {
    const early = await sharp(await row([0, 0, 0, 0], [9, 9, 9, 255]))
      .withMetadata({ orientation: 3 })
      .png()
      .toBuffer();
    for (const png of [early, withLateExif(early)]) expect(await reds(png)).toEqual([0, 255]);
  });

  it("is what is white where nothing is transparent", async () => {
    expect(await reds(await row([255, 255, 255, 255], [0, 0, 0, 255]))).toEqual([255, 0]);
  });

  it("is read from a path, which errors name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixart-mask-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "mask.png");
    await writeFile(path, await row([255, 255, 255, 255], [255, 255, 255, 0]));
    expect(await reds(path)).toEqual([0, 255]);
    const missing = join(folder, "missing.png");
    await expect(decodeMask(missing)).rejects.toThrow(`${missing}: there is no such file`);
  });

  it("is refused where it is no picture", async () => {
    await expect(decodeMask(Buffer.from("GIF89a"))).rejects.toThrow(
      "mask: expected a JPEG, PNG, WebP or AVIF picture but found a GIF",
    );
  });
});
