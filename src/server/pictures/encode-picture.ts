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

/** How a picture is sent. */
export interface EncodeOptions {
  readonly format: PictureFormat;
  /** Of JPEG and WebP, 1 to 100. */
  readonly quality: number;
  /** Enlarged or reduced to cover this, and the middle cut out; as it was drawn where left out. */
  readonly size?: Size;
}

/** Previews are small or passing: they need no care. */
const PREVIEW_QUALITY = 80;

/** A file of a preview. */
export const encodePreview = (image: RawPicture, format: PictureFormat): Promise<Uint8Array> =>
  encodePicture(image, undefined, { format, quality: PREVIEW_QUALITY });

/**
 * A file of a picture. A PNG remembers how it was drawn, with the size that it was drawn at: so `pixart sample --from` draws it
 * again. Works in threads of its own.
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
