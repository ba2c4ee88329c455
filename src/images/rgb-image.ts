import { dirname } from "node:path";
import sharp, { type Metadata, type Sharp } from "sharp";
import { expected, ImageError, InvalidValueError } from "../errors/index.ts";
import { makeFolder } from "../files/make-folder.ts";
import { BadFileError, MissingFileError } from "../files/reading/errors.ts";
import { LARGEST_FILE, openRegular, readFrom, requireSize } from "../files/reading/whole-file.ts";
import { replaceFile } from "../files/replace-file.ts";
import { coverOf } from "./cover.ts";
import {
  ACCEPTED_FORMATS,
  type ImageFormat,
  SNIFFED_BYTES,
  sniffImage,
  withEarlyExif,
} from "./image-format.ts";
import { embedMetadata, type PictureMetadata } from "./picture-metadata.ts";
import { type Part, resample } from "./resample.ts";
import type { ResizeKernel } from "./resample-taps.ts";

/** How `resize` treats another aspect ratio: stretch, crop the centre, or pad with white. */
export type ResizeFit = "fill" | "cover" | "contain";

/** Options of {@link RgbImage.decode}. */
export interface DecodeOptions {
  /** Most pixels, width times height; larger pictures are refused by their header, before any is decoded. Default 64e6. */
  readonly maxPixels?: number;
  /** Its name in errors. Default: the path or, for bytes, their number. */
  readonly name?: string;
}

/** An 8-bit sRGB picture: `data` has rows from the top, three bytes (R, G, B) per pixel. */
export class RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;

  /**
   * @param width  in pixels
   * @param height in pixels
   * @param data   width · height · 3 bytes, which are kept, not copied
   * @throws InvalidValueError for sides that are not positive integers, and for another number of bytes
   */
  constructor(width: number, height: number, data: Uint8Array) {
    checkSize(width, height);
    if (data.length !== width * height * 3) {
      throw expected(`${width * height * 3} bytes (${width}x${height}, RGB)`, "data", data.length);
    }
    this.width = width;
    this.height = height;
    this.data = data;
  }

  /** A picture of one colour: red, green and blue, integers from 0 to 255. */
  static filled(
    width: number,
    height: number,
    [r, g, b]: readonly [number, number, number],
  ): RgbImage {
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < data.length; i += 3) data.set([r, g, b], i);
    return new RgbImage(width, height, data);
  }

  /**
   * Decodes a JPEG, PNG, WebP or AVIF, given as bytes or as a path: upright (EXIF), in sRGB, with transparency on white. Of an
   * animation, the first frame is used.
   * @throws ImageError naming the file, for other formats, damage (including the decoder's warnings, so that a partial picture is
   * never mistaken for a complete one) and more than `maxPixels` pixels.
   */
  static async decode(
    source: Uint8Array | string,
    { maxPixels = 64e6, name = nameOf(source) }: DecodeOptions = {},
  ): Promise<RgbImage> {
    const given = typeof source === "string" ? await readPicture(source) : source;
    const sniffed = sniffImage(given);
    if (!("format" in sniffed)) {
      throw new ImageError(name, `expected ${ACCEPTED_FORMATS} but found ${sniffed.found}`);
    }
    const bytes = withEarlyExif(given);
    const header = await checkPixels(name, bytes, sniffed.format, maxPixels);
    try {
      const plain = needsEightBits(header) ? await inEightBits(bytes, header, maxPixels) : bytes;
      const { data, info } = await sharp(plain, { limitInputPixels: maxPixels, autoOrient: true })
        .flatten({ background: "#ffffff" })
        .toColourspace("srgb")
        .removeAlpha()
        .raw({ depth: "uchar" })
        .toBuffer({ resolveWithObject: true });
      return fromSharp(data, info);
    } catch (error) {
      throw damaged(name, sniffed.format, error);
    }
  }

  /**
   * The picture resampled to a size in pixels, with the same bytes as Pillow's if that has the kernel; the picture itself, not a
   * copy, if it has this size. Computed in a worker thread, except "nearest".
   * @param kernel default "lanczos3"
   * @param fit    for another aspect ratio: "fill", the default, stretches, "cover" crops the middle as torchvision does, and
   * "contain" pads with white
   * @throws InvalidValueError for sides that are not positive integers
   */
  async resize(
    width: number,
    height: number,
    kernel: ResizeKernel = "lanczos3",
    fit: ResizeFit = "fill",
  ): Promise<RgbImage> {
    checkSize(width, height);
    if (fit === "cover") {
      const { resized, left, top } = coverOf(this, { width, height }, "center");
      return this.resizePart(resized, { left, top, width, height }, kernel);
    }
    if (fit === "contain") {
      const scale = Math.min(width / this.width, height / this.height);
      const side = (length: number): number => Math.max(1, Math.round(length * scale));
      const inner = await this.resize(side(this.width), side(this.height), kernel);
      return inner.#padded(width, height);
    }
    if (width === this.width && height === this.height) return this;
    return new RgbImage(width, height, await resample(this, width, height, kernel));
  }

  /**
   * A rectangle of the picture resampled to a size: the same bytes as `resize` and then `crop`, but the rest, which may be large for
   * a thin picture, is not computed.
   * @param kernel default "lanczos3"
   * @throws InvalidValueError for sides that are not positive integers, and for a rectangle that extends beyond the resized picture
   */
  async resizePart(
    resized: { readonly width: number; readonly height: number },
    part: Part,
    kernel: ResizeKernel = "lanczos3",
  ): Promise<RgbImage> {
    const { left, top, width, height } = part;
    checkSize(resized.width, resized.height);
    checkPart(resized, part);
    if (resized.width === this.width && resized.height === this.height)
      return this.crop(left, top, width, height);
    const data = await resample(this, resized.width, resized.height, kernel, part);
    return new RgbImage(width, height, data);
  }

  /** In the middle of a white picture. */
  #padded(width: number, height: number): RgbImage {
    if (width === this.width && height === this.height) return this;
    const padded = RgbImage.filled(width, height, [255, 255, 255]);
    const left = Math.floor((width - this.width) / 2);
    const top = Math.floor((height - this.height) / 2);
    for (let row = 0; row < this.height; row++) {
      const from = this.data.subarray(row * this.width * 3, (row + 1) * this.width * 3);
      padded.data.set(from, ((top + row) * width + left) * 3);
    }
    return padded;
  }

  /** The rectangle whose upper left pixel is (`left`, `top`). Throws if it extends beyond the picture. */
  crop(left: number, top: number, width: number, height: number): RgbImage {
    if (left === 0 && top === 0 && width === this.width && height === this.height) return this;
    checkPart(this, { left, top, width, height });
    const data = new Uint8Array(width * height * 3);
    for (let row = 0; row < height; row++) {
      const from = ((top + row) * this.width + left) * 3;
      data.set(this.data.subarray(from, from + width * 3), row * width * 3);
    }
    return new RgbImage(width, height, data);
  }

  /** Swaps left and right. */
  mirrored(): RgbImage {
    const { width, height } = this;
    const data = new Uint8Array(this.data.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const from = (row * width + column) * 3;
        const to = (row * width + (width - 1 - column)) * 3;
        data.set(this.data.subarray(from, from + 3), to);
      }
    }
    return new RgbImage(width, height, data);
  }

  /** PNG bytes; with `metadata` the file records how it was made (see `readPictureMetadata`). */
  async encodePng(metadata?: PictureMetadata): Promise<Uint8Array> {
    const png = await this.#sharp().png().toBuffer();
    if (metadata === undefined) return png;
    return embedMetadata(png, { ...metadata, width: this.width, height: this.height });
  }

  /** JPEG bytes, for sending and display; `quality` is 1 to 100. */
  async encodeJpeg(quality = 90): Promise<Uint8Array> {
    return this.#sharp().jpeg({ quality }).toBuffer();
  }

  /** WebP bytes, for sending and display; `quality` is 1 to 100. */
  async encodeWebp(quality = 90): Promise<Uint8Array> {
    return this.#sharp().webp({ quality }).toBuffer();
  }

  /** Writes a PNG through a temporary sibling and a rename, so that no partial picture is ever seen. */
  async save(path: string, metadata?: PictureMetadata): Promise<void> {
    if (!/\.png$/i.test(path)) {
      throw expected("a name that ends in .png", "path", path);
    }
    const png = await this.encodePng(metadata);
    await makeFolder(dirname(path));
    await replaceFile(path, [png]);
  }

  #sharp(): Sharp {
    return sharp(this.data, { raw: { width: this.width, height: this.height, channels: 3 } });
  }
}

function checkSize(width: number, height: number): void {
  if (Number.isInteger(width) && width > 0 && Number.isInteger(height) && height > 0) return;
  throw expected("whole positive numbers", "width and height", `${width} and ${height}`);
}

function checkPart(
  of: { readonly width: number; readonly height: number },
  { left, top, width, height }: Part,
): void {
  if (left >= 0 && top >= 0 && left + width <= of.width && top + height <= of.height) return;
  throw new InvalidValueError(
    `Expected a rectangle inside ${of.width}x${of.height} but received ${width}x${height} at (${left}, ${top})`,
  );
}

const nameOf = (source: Uint8Array | string): string =>
  typeof source === "string" ? source : `picture of ${source.byteLength} bytes`;

function fromSharp(data: Buffer, { width, height }: { width: number; height: number }): RgbImage {
  return new RgbImage(width, height, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/**
 * Reads a file whole if its first bytes are a picture's; of any other file only the first {@link SNIFFED_BYTES}, from which
 * {@link sniffImage} tells what it is.
 * @throws ImageError naming the path, for a file that is missing, can't be read or has more than 512 MiB
 */
export async function readPicture(path: string): Promise<Uint8Array> {
  try {
    const opened = await openRegular(path, {
      expected: "a file",
      atMost: Number.POSITIVE_INFINITY,
    });
    try {
      const head = await readFrom(opened, 0, SNIFFED_BYTES);
      // A file that is not a picture need not be read whole to be refused by its first bytes.
      if (!("format" in sniffImage(head))) return head;
      requireSize(path, opened.size, { expected: ACCEPTED_FORMATS, atMost: LARGEST_FILE.picture });
      return await readFrom(opened, 0, opened.size);
    } finally {
      await opened.file.close();
    }
  } catch (error) {
    if (error instanceof MissingFileError)
      throw new ImageError(path, "there is no such file", { cause: error });
    if (error instanceof BadFileError) throw new ImageError(path, error.reason, { cause: error });
    const { code } = error as NodeJS.ErrnoException;
    throw new ImageError(path, `can't be opened (${code})`, { cause: error });
  }
}

/** Width and height of a picture in upright orientation, read only from its header. Throws ImageError naming it. */
export async function pictureSize(
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly width: number; readonly height: number }> {
  const sniffed = sniffImage(bytes);
  if (!("format" in sniffed)) {
    throw new ImageError(name, `expected ${ACCEPTED_FORMATS} but found ${sniffed.found}`);
  }
  try {
    const { autoOrient } = await sharp(withEarlyExif(bytes), {
      limitInputPixels: false,
    }).metadata();
    return autoOrient;
  } catch (error) {
    throw damaged(name, sniffed.format, error);
  }
}

async function checkPixels(
  name: string,
  bytes: Uint8Array,
  format: ImageFormat,
  maxPixels: number,
): Promise<Metadata> {
  if (format === "png") refuseEndless(name, bytes);
  let size: Metadata;
  try {
    size = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw damaged(name, format, error);
  }
  if (size.width * size.height > maxPixels) {
    throw new ImageError(
      name,
      `expected at most ${maxPixels / 1e6} megapixels but found ` +
        `${size.width}x${size.height} (${((size.width * size.height) / 1e6).toFixed(1)} megapixels)`,
    );
  }
  return size;
}

/** The longest side that libvips supports; for a PNG that claims more it would print GLib's own warnings. */
const LONGEST_SIDE = 10_000_000;

/** Throws for a PNG whose first chunk, IHDR, claims a side that no picture has. */
function refuseEndless(name: string, bytes: Uint8Array): void {
  if (bytes.byteLength < 24) return; // sharp reports that it is truncated
  const header = new DataView(bytes.buffer, bytes.byteOffset);
  const [width, height] = [header.getUint32(16), header.getUint32(20)];
  if (Math.max(width, height) <= LONGEST_SIDE) return;
  throw new ImageError(
    name,
    `expected sides of at most ${LONGEST_SIDE} pixels but found ${width}x${height}`,
  );
}

/**
 * More than 8 bits per channel and a colour profile: sharp would return such a picture in Display P3, and leave a grey one as it
 * is.
 */
const needsEightBits = ({ depth, hasProfile }: Metadata): boolean =>
  depth !== "uchar" && hasProfile;

/**
 * The same picture, upright and with its profile, in 8 bits per channel before its colours are converted, as Pillow reads it. As
 * TIFF, which keeps any profile, even a damaged one, and takes no time.
 */
const inEightBits = (bytes: Uint8Array, { space }: Metadata, maxPixels: number): Promise<Buffer> =>
  sharp(bytes, { limitInputPixels: maxPixels, autoOrient: true })
    .keepIccProfile()
    .toColourspace(space === "grey16" ? "b-w" : "srgb") // A grey profile does not describe three channels.
    .tiff({ compression: "none" })
    .toBuffer();

/** libvips has one error text for all threads, so its message may be about another picture. */
function damaged(name: string, format: ImageFormat, cause: unknown): ImageError {
  const reason = `the ${format.toUpperCase()} data is damaged, cut off or of an unsupported kind`;
  return new ImageError(name, reason, { cause });
}
