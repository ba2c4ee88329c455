/**
 * Pictures without the engine: decoding, resizing, PNG files that record how they were made, contact sheets.
 * @module
 */
export { ImageError } from "../errors/index.ts";
export * from "../errors/public.ts";
export { type ContactSheetOptions, contactSheet, fitted } from "./contact-sheet.ts";
export { type Cover, type CropPlace, coverOf } from "./cover.ts";
export {
  ACCEPTED_FORMATS,
  type ImageFormat,
  SNIFFED_BYTES,
  type Sniffed,
  sniffImage,
} from "./image-format.ts";
export { decodeMask } from "./mask.ts";
export {
  embedMetadata,
  type PictureMetadata,
  readPictureMetadata,
  type SavedPictureMetadata,
} from "./picture-metadata.ts";
export type { Part } from "./resample.ts";
export type { ResizeKernel } from "./resample-taps.ts";
export {
  type DecodeOptions,
  pictureSize,
  type ResizeFit,
  RgbImage,
  readPicture,
} from "./rgb-image.ts";
export { sobelEdges } from "./sobel-edges.ts";
export { thumbnail } from "./thumbnail.ts";
