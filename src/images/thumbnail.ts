import sharp from "sharp";
import { sniffImage } from "./image-format.ts";

const QUALITY = 82;
const MOST_PIXELS = 256e6;

/**
 * A picture's bytes made anew as WebP, upright, at most so wide and high. Works in threads of its own, and decodes no more of a large
 * JPEG than it needs. Undefined for what is no picture.
 */
export async function thumbnail(bytes: Uint8Array, side: number): Promise<Uint8Array | undefined> {
  if (!("format" in sniffImage(bytes))) return undefined;
  try {
    return await sharp(bytes, { limitInputPixels: MOST_PIXELS })
      .rotate()
      .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
      .webp({ quality: QUALITY })
      .toBuffer();
  } catch {
    return undefined;
  }
}
