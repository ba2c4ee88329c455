import { embedMetadata, type PictureMetadata, RgbImage } from "../../images/index.ts";
import type { RawPicture } from "../engine/engine-messages.ts";
import type { Size } from "./picture-size.ts";

/** Formats of answers. */
export type PictureFormat = "png" | "jpeg" | "webp";

export const MEDIA_TYPES: Readonly<Record<PictureFormat, string>> = {
  png: "image/png",
  jpeg: "image/jpeg",
  webp: "image/webp",
};

/** How to encode a picture. */
export interface EncodeOptions {
  readonly format: PictureFormat;
  /** For JPEG and WebP, 1 to 100. */
  readonly quality: number;
  /** Enlarged or reduced to cover this, cropping the middle. Default: as drawn. */
  readonly size?: Size;
}

/** Previews are small or short-lived: they need no high quality. */
const PREVIEW_QUALITY = 80;

/** Encodes a preview. */
export const encodePreview = (image: RawPicture, format: PictureFormat): Promise<Uint8Array> =>
  encodePicture(image, undefined, { format, quality: PREVIEW_QUALITY });

/**
 * Encodes a picture. A PNG records how it was drawn, with the drawn size, so that `pixart sample --from` draws it again. Runs in
 * separate threads.
 */
export async function encodePicture(
  drawn: RawPicture,
  metadata: PictureMetadata | undefined,
  { format, quality, size = drawn }: EncodeOptions,
): Promise<Uint8Array> {
  const { width, height, data } = drawn;
  const picture = await new RgbImage(width, height, data).resize(
    size.width,
    size.height,
    "lanczos3",
    "cover",
  );
  switch (format) {
    case "jpeg":
      return picture.encodeJpeg(quality);
    case "webp":
      return picture.encodeWebp(quality);
    case "png": {
      const png = await picture.encodePng();
      return metadata === undefined ? png : embedMetadata(png, { ...metadata, width, height });
    }
  }
}
