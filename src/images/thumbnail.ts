import sharp from "sharp";
import { sniffImage, withEarlyExif } from "./image-format.ts";

const QUALITY = 82;
const MOST_PIXELS = 256e6;

/**
 * Re-encodes a picture as WebP, upright, with at most `side` pixels in width and height. Runs in separate threads, and decodes no
 * more of a large JPEG than it needs. Undefined for bytes that are not a picture.
 */
export async function thumbnail(bytes: Uint8Array, side: number): Promise<Uint8Array | undefined> {
  if (!("format" in sniffImage(bytes))) return undefined;
  try {
    return await sharp(withEarlyExif(bytes), { limitInputPixels: MOST_PIXELS })
      .rotate()
      .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
      .webp({ quality: QUALITY })
      .toBuffer();
  } catch {
    return undefined;
  }
}
