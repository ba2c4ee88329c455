import { expected, InvalidValueError } from "../../errors/index.ts";
import { count, type Field } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";

// Shapes: B batch, N = h·w image tokens, s scale factor, D hidden width.

/** The methods in PixArt-Σ's code. */
export const kvSamplings = ["conv", "ave", "uniform", "uniform_every"] as const;

/** How keys and values are reduced. */
export type KVSampling = (typeof kvSamplings)[number];

/** PixArt-Σ's compression of keys and values (arXiv 2403.04692 section 3.3), under its own names. */
export interface KVCompressConfig {
  /**
   * `conv` is learned: a depthwise convolution initialized to the mean, then a norm. `uniform` takes every s-th row and column,
   * and so does `ave`: despite its name, Σ's code never averages. `uniform_every` takes every s-th token.
   */
  readonly sampling: KVSampling;
  /** s: there are s² times fewer keys and values, with `uniform_every` s times. */
  readonly scaleFactor: number;
  /** The compressed layers, counted from 0; 14 to 27 in Σ. */
  readonly kvCompressLayer: readonly number[];
}

const isLayer = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** A {@link KVCompressConfig} in a model's configuration. */
export const kvCompression: Field<KVCompressConfig> = {
  initial: { sampling: "conv", scaleFactor: 2, kvCompressLayer: [] },
  expected: `the sampling (${kvSamplings.join(", ")}), the scale factor (an integer above 1) and the list of layers`,
  accepts: (value) => {
    if (typeof value !== "object" || value === null) return false;
    const { sampling, scaleFactor, kvCompressLayer, ...others } = value as Record<string, unknown>;
    return (
      kvSamplings.some((known) => known === sampling) &&
      count(2).accepts(scaleFactor) &&
      Number(scaleFactor) > 1 &&
      Array.isArray(kvCompressLayer) &&
      kvCompressLayer.every(isLayer) &&
      Object.keys(others).length === 0
    );
  },
};

/** Whether a compression is invisible in a file of weights. */
export const isWeightless = (config: KVCompressConfig | null): config is KVCompressConfig =>
  config !== null && config.sampling !== "conv";

/** Throws if a layer to be compressed does not exist. */
export function requireLayers(config: {
  readonly kvCompressConfig: KVCompressConfig | null;
  readonly numLayers: number;
}): void {
  const { kvCompressConfig, numLayers } = config;
  const absent = kvCompressConfig?.kvCompressLayer.find((layer) => layer >= numLayers);
  if (absent === undefined) return;
  throw expected(`layers below numLayers, ${numLayers},`, "kvCompressLayer", absent);
}

/** Height and width of a picture in patches. */
export interface PatchGrid {
  readonly h: number;
  readonly w: number;
}

/** Throws if rows, columns or tokens would be left over; Σ's own code drops them or fails in a reshape. */
export function requireDivisible(
  { h, w }: PatchGrid,
  { sampling, scaleFactor }: Pick<KVCompressConfig, "sampling" | "scaleFactor">,
): void {
  const sides = sampling === "uniform_every" ? [h * w] : [h, w];
  if (sides.every((side) => side % scaleFactor === 0)) return;
  const what = sampling === "uniform_every" ? "a number of patches" : "height and width in patches";
  throw new InvalidValueError(
    `Expected ${what} divisible by kvCompressConfig's scaleFactor, ${scaleFactor}, but received ${h} × ${w}`,
  );
}

/** Every s-th row and column of the grid: (B, N, D) → (B, N/s², D). */
export const everyRowAndColumn = (tokens: Tensor, { h, w }: PatchGrid, s: number): Tensor =>
  tokens
    .unflatten(1, [h, w]) // (B, h, w, D)
    .slice(1, 0, h, s)
    .slice(2, 0, w, s)
    .flatten(1, 2);

/** Every s-th token, row by row: (B, N, D) → (B, N/s, D). */
export const everyToken = (tokens: Tensor, s: number): Tensor =>
  tokens.slice(1, 0, tokens.size(1), s);
