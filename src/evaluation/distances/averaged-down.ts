import type { RgbImage } from "../../images/index.ts";

/** The smallest size that still shows what a picture is of. */
const SIDE = 16;
const FEATURES = SIDE * SIDE * 3;

/** The area average of a picture on a 16x16 grid: RGB in [0, 1], rows from the top. It needs no network, and sees layout and colours. */
export function averagedDown({ width, height, data }: RgbImage): Float32Array {
  const columns = overlaps(width);
  const rows = overlaps(height);
  const averaged = new Float64Array(FEATURES);
  for (const { from: y, to: cellY, share: shareY } of rows) {
    for (const { from: x, to: cellX, share: shareX } of columns) {
      const weight = (shareX * shareY) / 255;
      const source = (y * width + x) * 3;
      const target = (cellY * SIDE + cellX) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        averaged[target + channel] =
          (averaged[target + channel] as number) + weight * (data[source + channel] as number);
      }
    }
  }
  return Float32Array.from(averaged);
}

/** The pixels of a side that each cell covers, and each one's share of the cell. */
function overlaps(length: number): { from: number; to: number; share: number }[] {
  const pixels = length / SIDE;
  const found: { from: number; to: number; share: number }[] = [];
  for (let to = 0; to < SIDE; to += 1) {
    const [start, end] = [to * pixels, (to + 1) * pixels];
    for (let from = Math.floor(start); from < Math.min(length, Math.ceil(end)); from += 1) {
      const share = (Math.min(end, from + 1) - Math.max(start, from)) / pixels;
      found.push({ from, to, share });
    }
  }
  return found;
}
