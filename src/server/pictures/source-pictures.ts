import { decodeMask, ImageError, pictureSize, RgbImage } from "../../images/index.ts";
import type { RawPicture } from "../engine/engine-messages.ts";
import { ApiError, badValue } from "../http/api-error.ts";
import type { Size } from "./picture-size.ts";

/** Limits for pictures that callers send. */
const MOST_BYTES = 25 * 2 ** 20;
const MOST_PIXELS = 64e6;

/** Searches single characters: a pattern for the whole text would backtrack over megabytes. */
const NOT_BASE64 = /[^A-Za-z0-9+/=\s_-]/;

/** Decodes a picture in JSON: base64, a data: URL, or either as `image_url` of an object. Throws an ApiError for other URLs. */
export function bytesOfText(
  source: string | { readonly image_url: string },
  param: string,
): Uint8Array {
  const text = typeof source === "string" ? source : source.image_url;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new ApiError(
      400,
      "unsupported_parameter",
      `Expected base64 or a data: URL for ${param} but received a URL, which this server does not fetch`,
      { param },
    );
  }
  const [, encoded = text] = /^data:[^,]{0,200};base64,(.*)$/is.exec(text) ?? [];
  if (NOT_BASE64.test(encoded)) throw badValue("base64 or a data: URL", param, "other text");
  return Buffer.from(encoded, "base64");
}

/** A picture's size from its header. Throws an ApiError for anything else. */
export function sizeOfPicture(bytes: Uint8Array, param: string): Promise<Size> {
  requireBytes(bytes, param);
  return telling(param, async () => {
    const { width, height } = await pictureSize(bytes, param);
    if (width * height <= MOST_PIXELS) return { width, height };
    throw badValue(
      `at most ${MOST_PIXELS / 1e6} megapixels`,
      param,
      `${width}x${height}`,
      "invalid_image",
    );
  });
}

/** Pictures are decoded one at a time: each may briefly take 64 megapixels. */
let turn: Promise<unknown> = Promise.resolve();

function byTurns<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => {});
  return result;
}

/** A picture's pixels, upright and without transparency, resized to cover the drawn size and cropped to its middle. */
export const decodePicture = (bytes: Uint8Array, param: string, drawn: Size): Promise<RawPicture> =>
  telling(param, () =>
    byTurns(async () => {
      const picture = await RgbImage.decode(bytes, { maxPixels: MOST_PIXELS, name: param });
      return picture.resize(drawn.width, drawn.height, "lanczos3", "cover");
    }),
  );

/**
 * A mask's pixels, white where the picture is redrawn, at the drawn size. Throws an ApiError if its size differs from the
 * picture's.
 */
export const decodeMaskOf = (bytes: Uint8Array, image: Size, drawn: Size): Promise<RawPicture> =>
  telling("mask", () =>
    byTurns(async () => {
      const mask = await decodeMask(bytes, { maxPixels: MOST_PIXELS, name: "mask" });
      if (mask.width === image.width && mask.height === image.height)
        return mask.resize(drawn.width, drawn.height, "nearest", "cover");
      throw badValue(
        `the size of image, ${image.width}x${image.height},`,
        "mask",
        `${mask.width}x${mask.height}`,
        "invalid_image",
      );
    }),
  );

function requireBytes({ byteLength }: Uint8Array, param: string): void {
  if (byteLength <= MOST_BYTES) return;
  throw new ApiError(413, "body_too_large", `Expected at most 25 MB for ${param}`, { param });
}

/** Turns errors of pictures into answers. */
async function telling<T>(param: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new ApiError(
      400,
      "invalid_image",
      `Expected a picture that can be read for ${param} but ${error.reason}`,
      { param },
    );
  }
}
