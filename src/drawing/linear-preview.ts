import { UnsupportedError } from "../errors/index.ts";
import type { RawPicture } from "../server/engine/engine-messages.ts";

// Shapes: B pictures, C latent channels, h and w size of a latent picture.

/** Latents (B, C, h, w) as plain numbers. */
export interface LatentValues {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Turns latents without noise into pixels by one linear map from the channels of a latent pixel to its colour, as ComfyUI and
 * InvokeAI do, but with a map that is fitted here for the model's own autoencoder. One latent pixel becomes one pixel.
 */
export class LinearPreview {
  /** Three rows of C weights and a constant, for colours from 0 to 1. */
  readonly #rows: readonly (readonly number[])[];

  private constructor(rows: readonly (readonly number[])[]) {
    this.#rows = rows;
  }

  /**
   * The least-squares map. `colours` contains the mean colours of the pictures under each latent pixel, (B, 3, h, w) from 0 to 1.
   * Throws if the latents don't determine it.
   */
  static fit({ shape, values }: LatentValues, colours: Float32Array): LinearPreview {
    const [batch = 0, channels = 0, h = 0, w = 0] = shape;
    const plane = h * w;
    const unknowns = channels + 1;
    const squares = Array.from({ length: unknowns }, () => new Array<number>(unknowns).fill(0));
    const sums = Array.from({ length: 3 }, () => new Array<number>(unknowns).fill(0));
    for (let b = 0; b < batch; b++) {
      for (let at = 0; at < plane; at++) {
        const inputs = inputsAt(values, b, at, channels, plane);
        for (const [i, row] of squares.entries())
          for (let j = 0; j < unknowns; j++)
            row[j] = (row[j] ?? 0) + (inputs[i] ?? 0) * (inputs[j] ?? 0);
        for (const [colour, sum] of sums.entries()) {
          const wanted = colours[(b * 3 + colour) * plane + at] ?? 0;
          for (let i = 0; i < unknowns; i++) sum[i] = (sum[i] ?? 0) + (inputs[i] ?? 0) * wanted;
        }
      }
    }
    return new LinearPreview(sums.map((sum) => solve(squares, sum)));
  }

  /** Draws one picture, the `row`th of the batch. */
  draw({ shape, values }: LatentValues, row: number): RawPicture {
    const [, channels = 0, height = 0, width = 0] = shape;
    const plane = height * width;
    const data = new Uint8Array(plane * 3);
    for (let at = 0; at < plane; at++) {
      const inputs = inputsAt(values, row, at, channels, plane);
      for (const [colour, weights] of this.#rows.entries()) {
        const value = weights.reduce((sum, weight, i) => sum + weight * (inputs[i] ?? 0), 0);
        data[at * 3 + colour] = Math.round(Math.min(Math.max(value, 0), 1) * 255);
      }
    }
    return { width, height, data };
  }
}

/** The channels of a latent pixel, and 1 for the constant. */
function inputsAt(
  values: Float32Array,
  row: number,
  at: number,
  channels: number,
  plane: number,
): number[] {
  const inputs = [];
  for (let c = 0; c < channels; c++) inputs.push(values[(row * channels + c) * plane + at] ?? 0);
  inputs.push(1);
  return inputs;
}

/** Solves matrix·x = right for x, by elimination with pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] ?? 0]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const order = rows.slice(column).sort((a, b) => magnitude(b, column) - magnitude(a, column));
    rows.splice(column, size - column, ...order);
    const pivot = rows[column] ?? [];
    const head = pivot[column] ?? 0;
    if (Math.abs(head) < 1e-9) {
      throw new UnsupportedError(
        `Expected latents with linearly independent channels but channel ${column} is a linear combination of others`,
      );
    }
    for (const [i, row] of rows.entries()) {
      if (i === column) continue;
      const share = (row[column] ?? 0) / head;
      for (let j = column; j <= size; j++) row[j] = (row[j] ?? 0) - share * (pivot[j] ?? 0);
    }
  }
  return rows.map((row, i) => (row[size] ?? 0) / (row[i] ?? 1));
}

const magnitude = (row: readonly number[], column: number): number => Math.abs(row[column] ?? 0);
