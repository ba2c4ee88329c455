import { type ResizeKernel, type Stretch, tapsOf } from "./resample-taps.ts";
import { resampleInWorker } from "./resample-workers.ts";

/** Rows from the top, three bytes (R, G, B) per pixel. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A rectangle of a picture whose upper left pixel is (`left`, `top`). */
export interface Part {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * A picture stretched to `width` × `height`, with the same bytes as Pillow's `Image.resize` with BILINEAR, BICUBIC, LANCZOS and
 * NEAREST, and so as torchvision's `Resize` of a PIL picture. Centres are aligned; to reduce, the kernel is widened in
 * proportion; width and height are resized one after the other, rounded to bytes in between.
 * @param part what to compute of it
 */
export async function resample(
  { width: from, height: fromHeight, data }: Pixels,
  width: number,
  height: number,
  kernel: ResizeKernel,
  part: Part = { left: 0, top: 0, width, height },
): Promise<Uint8Array> {
  const columns = { start: part.left, length: part.width };
  const rows = { start: part.top, length: part.height };
  if (kernel === "nearest")
    return nearest(data, placesOf(from, width, columns), placesOf(fromHeight, height, rows), from);
  return resampleInWorker({
    source: new Uint8Array(data), // slice() of a Buffer would not copy
    width: from,
    horizontal: tapsOf(kernel, from, width, columns),
    vertical: tapsOf(kernel, fromHeight, height, rows),
    // Pillow's rule since version 13, found by experiment: the height shrinks by more than twice as many pixels as the width.
    verticalFirst: height < fromHeight && fromHeight - height > 2 * (from - width),
  });
}

/**
 * The pixel that each of a stretch of `to` is taken from. Added up step by step as in Pillow's `ImagingScaleAffine`, which decides
 * ties.
 */
function placesOf(from: number, to: number, { start, length }: Stretch): number[] {
  const step = from / to;
  let at = step * 0.5;
  for (let pixel = 0; pixel < start; pixel++) at += step;
  return Array.from({ length }, () => {
    const place = Math.floor(at);
    at += step;
    return place;
  });
}

function nearest(
  data: Uint8Array,
  columns: readonly number[],
  rows: readonly number[],
  width: number,
): Uint8Array {
  const pixels = new Uint8Array(rows.length * columns.length * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * width + column) * 3;
      for (let channel = 0; channel < 3; channel++) pixels[to++] = data[from + channel] ?? 0;
    }
  }
  return pixels;
}
