import { RgbImage } from "./rgb-image.ts";

/** Weights of a row or column and its neighbours. */
const SMOOTH = [1, 2, 1] as const;
/** The gradient of a step from black to white along a row or column. */
const FULL_STEP = 4;

/**
 * A picture's edges, bright on black, at its own size: the length of the luma's gradient by Sobel's 3×3 operators, such that a
 * straight step from black to white gives 255. The border is extended outwards. This is not HED, a network that finds outlines
 * and ignores texture: it shows every change of brightness.
 */
export function sobelEdges({ width, height, data }: RgbImage): RgbImage {
  const luma = new Float32Array(width * height);
  for (let i = 0; i < luma.length; i++) {
    const channel = (c: number): number => data[3 * i + c] ?? 0;
    luma[i] = 0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2); // Rec. 601, as Pillow's "L"
  }
  const at = (x: number, y: number): number => {
    const column = Math.min(Math.max(x, 0), width - 1);
    const row = Math.min(Math.max(y, 0), height - 1);
    return luma[row * width + column] ?? 0;
  };
  const edges = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [across, down] = [0, 0];
      for (const [i, weight] of SMOOTH.entries()) {
        const side = i - 1;
        across += weight * (at(x + 1, y + side) - at(x - 1, y + side));
        down += weight * (at(x + side, y + 1) - at(x + side, y - 1));
      }
      const brightness = Math.min(255, Math.round(Math.hypot(across, down) / FULL_STEP));
      edges.fill(brightness, 3 * (y * width + x), 3 * (y * width + x) + 3);
    }
  }
  return new RgbImage(width, height, edges);
}
