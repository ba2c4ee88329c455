import sharp from "sharp";
import { ImageError } from "../errors/index.ts";
import { type DecodeOptions, RgbImage } from "./rgb-image.ts";

/** From this opacity on, of 255, a pixel of a mask counts as covered. */
const COVERED = 128;

/**
 * A mask as inpainting takes it, white where the picture is drawn anew: where the file is transparent, or in one that is nowhere
 * transparent, where it is white.
 * @throws ImageError as `RgbImage.decode` does.
 */
export async function decodeMask(bytes: Uint8Array, options: DecodeOptions): Promise<RgbImage> {
  const plain = await RgbImage.decode(bytes, options);
  try {
    const image = sharp(bytes, { autoOrient: true, limitInputPixels: false });
    if (!(await image.metadata()).hasAlpha) return plain;
    const alpha = await image
      .extractChannel("alpha")
      .toColourspace("b-w")
      .raw({ depth: "uchar" })
      .toBuffer();
    if (alpha.every((opacity) => opacity >= COVERED)) return plain;
    const data = new Uint8Array(alpha.length * 3);
    for (const [i, opacity] of alpha.entries())
      data.fill(opacity < COVERED ? 255 : 0, i * 3, i * 3 + 3);
    return new RgbImage(plain.width, plain.height, data);
  } catch (error) {
    throw new ImageError(options.name ?? "mask", "its transparency can't be read", {
      cause: error,
    });
  }
}
