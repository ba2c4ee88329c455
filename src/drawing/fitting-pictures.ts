import { RgbImage } from "../images/index.ts";

/** Number of pictures that a linear preview is fitted on: with fewer, colours are undetermined. */
const COUNT = 16;

/** Numbers from 0 to 1, the same in every process (Marsaglia 2003, Xorshift RNGs). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Pictures of many colours with soft and hard edges: a background that fades from one colour to another, or is white, with discs
 * on it. Their latents show which colours the autoencoder's channels mean, without any photographs.
 */
export function fittingPictures(side: number): RgbImage[] {
  const next = numbersFrom(0x9e3779b9);
  const colour = (): number[] => [next(), next(), next()].map((value) => 255 * value);
  return Array.from({ length: COUNT }, (_, index) => {
    const [from, to] =
      index % 4 === 0
        ? [
            [255, 255, 255],
            [255, 255, 255],
          ]
        : [colour(), colour()];
    const discs = Array.from({ length: 6 }, () => ({
      x: next() * side,
      y: next() * side,
      radius: (0.08 + 0.22 * next()) * side,
      fill: colour(),
    }));
    const data = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const disc = discs.find((one) => Math.hypot(x - one.x, y - one.y) < one.radius);
        const share = (x + y) / (2 * side);
        for (let c = 0; c < 3; c++) {
          const ground = (from[c] ?? 0) * (1 - share) + (to[c] ?? 0) * share;
          data[(y * side + x) * 3 + c] = Math.round(disc?.fill[c] ?? ground);
        }
      }
    }
    return new RgbImage(side, side, data);
  });
}
