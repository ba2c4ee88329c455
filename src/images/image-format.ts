import { HTML_PAGE, LFS_POINTER } from "../files/reading/stand-in.ts";

/** The formats that are accepted in users' files. */
export type ImageFormat = "jpeg" | "png" | "webp" | "avif";

/** What the first bytes of a file show: a supported format, or the name of what was found instead. */
export type Sniffed = { readonly format: ImageFormat } | { readonly found: string };

/** How many bytes `sniffImage` needs. */
export const SNIFFED_BYTES = 512;

/** Shared, so that all errors read alike. */
export const ACCEPTED_FORMATS = "a JPEG, PNG, WebP or AVIF picture";

const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^GIF8/, "a GIF"],
  [/^(II\*\0|MM\0\*)/, "a TIFF"],
  [/^%PDF/, "a PDF"],
  [/^BM/, "a BMP"],
  [/^....ftyp/s, "a HEIF picture other than AVIF"],
  [LFS_POINTER, "a Git LFS pointer, which `git lfs pull` replaces with the file"],
  [HTML_PAGE, "an HTML page, which servers may send instead of a file"],
  [/^\s*(\xef\xbb\xbf)?\s*<(\?xml|!DOCTYPE svg|!--|svg)/i, "an SVG or other XML"],
];

/**
 * Recognises a picture by its first bytes, never by its name: a JPEG called `x.png` is a JPEG, and formats whose decoders should
 * not see untrusted files (SVG, PDF, TIFF, GIF) are named.
 */
export function sniffImage(bytes: Uint8Array): Sniffed {
  const head = Buffer.from(
    bytes.buffer,
    bytes.byteOffset,
    Math.min(bytes.byteLength, SNIFFED_BYTES),
  ).toString("latin1");
  if (head.startsWith("\xff\xd8\xff")) return { format: "jpeg" };
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return { format: "png" };
  if (/^RIFF....WEBP/s.test(head)) return { format: "webp" };
  if (isAvif(head)) return { format: "avif" };
  if (head.length === 0) return { found: "an empty file" };
  return { found: REFUSED.find(([pattern]) => pattern.test(head))?.[1] ?? "unknown data" };
}

/** True if the ISO base media `ftyp` box names avif or avis among its brands. */
function isAvif(head: string): boolean {
  if (head.slice(4, 8) !== "ftyp") return false;
  const boxBytes = Buffer.from(head.slice(0, 4), "latin1").readUInt32BE();
  const brands = head.slice(8, boxBytes).match(/.{4}/gs) ?? [];
  return brands.some((brand) => brand === "avif" || brand === "avis");
}

/** Encoders write pictures of 64 megapixels in chunks of 8 KB, not smaller. */
const MOST_CHUNKS = 2 ** 18;
const SIGNATURE = 8;
/** A chunk's length and name before its data, and the checksum after it. */
const HEAD = 8;
const CHECKSUM = 4;

/**
 * A PNG whose eXIf chunk comes after its pixels with that chunk before them: the PNG specification (third edition) allows both, and
 * libvips looks for the orientation only there. Any other file, damaged ones too, as it is.
 */
export function withEarlyExif(png: Uint8Array): Uint8Array {
  const sniffed = sniffImage(png);
  if (!("format" in sniffed) || sniffed.format !== "png") return png;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let pixels: number | undefined;
  let at = SIGNATURE;
  for (let count = 0; count < MOST_CHUNKS && at + HEAD <= png.byteLength; count++) {
    const end = at + HEAD + view.getUint32(at) + CHECKSUM;
    const name = Buffer.from(png.subarray(at + 4, at + HEAD)).toString("latin1");
    if (end > png.byteLength) return png;
    if (name === "eXIf") {
      if (pixels === undefined) return png;
      const [before, after] = [png.subarray(0, pixels), png.subarray(pixels, at)];
      return Buffer.concat([before, png.subarray(at, end), after, png.subarray(end)]);
    }
    if (name === "IDAT") pixels ??= at;
    at = end;
  }
  return png;
}
