import sharp from "sharp";
import { ImageError } from "../errors/index.ts";
import { withEarlyExif } from "./image-format.ts";
import { type DecodeOptions, RgbImage, readPicture } from "./rgb-image.ts";

/** Opacity, out of 255, from which a pixel of a mask counts as covered. */
const COVERED = 128;

/**
 * Decodes a mask for inpainting, given as bytes or as a path, white where the picture is redrawn: where the file is transparent
 * or, in a file without transparency, where it is white.
 * @throws ImageError as `RgbImage.decode` does.
 */
export async function decodeMask(
  source: Uint8Array | string,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const { name = typeof source === "string" ? source : "mask" } = options;
  const bytes = typeof source === "string" ? await readPicture(source) : source;
  const plain = await RgbImage.decode(bytes, { ...options, name });
  try {
    const image = sharp(withEarlyExif(bytes), { autoOrient: true, limitInputPixels: false });
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
    throw new ImageError(name, "its transparency can't be read", { cause: error });
  }
}
