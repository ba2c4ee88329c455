import { expected } from "../../errors/index.ts";
import { cat, fromTypedArray, type Tensor, tidy } from "../../torch/index.ts";

// Shapes: B batch, C channels, H height, W width; f pixels of a latent's side.

/** Options of {@link AutoencoderKL.enableTiling}, under diffusers' names. */
export interface TilingOptions {
  /** Side of a tile in pixels. Default: the configuration's `sampleSize`. */
  readonly tileSampleMinSize?: number;
  /** Part of a tile that it shares with the next. Default: a quarter. */
  readonly tileOverlapFactor?: number;
}

/** How a picture is split, processed tile by tile and reassembled; sides are in positions. */
export interface TilePlan {
  /** Side of a tile of the input. */
  readonly tile: number;
  /** Distance between the starts of two input tiles. */
  readonly stride: number;
  /** Width of the seam in the output, over which one tile blends into the next. */
  readonly blend: number;
  /** Part of each output tile that is kept. */
  readonly kept: number;
}

/** Encoder and decoder, tile by tile. */
export interface Tiling {
  readonly encode: TilePlan;
  readonly decode: TilePlan;
}

/**
 * Plans tiles of a given side in pixels for an autoencoder with `f` pixels per latent, rounding as diffusers does. Throws if the
 * rounding would give a result of another size than without tiles.
 */
export function planTiling(
  { tileSampleMinSize: pixels, tileOverlapFactor: overlap }: Required<TilingOptions>,
  f: number,
): Tiling {
  const plan = (tile: number, output: number): TilePlan => {
    const blend = Math.trunc(output * overlap);
    return { tile, stride: Math.trunc(tile * (1 - overlap)), blend, kept: output - blend };
  };
  const latents = Math.trunc(pixels / f);
  const encode = plan(pixels, latents);
  const decode = plan(latents, pixels);
  const isExact =
    overlap >= 0 &&
    decode.stride > 0 &&
    pixels === latents * f &&
    encode.stride === encode.kept * f &&
    decode.kept === decode.stride * f;
  if (!isExact) {
    throw expected(
      `tiles and overlaps of whole latents, ${f} pixels each,`,
      "tileSampleMinSize and tileOverlapFactor",
      `${pixels} and ${overlap}`,
    );
  }
  return { encode, decode };
}

const starts = (size: number, stride: number): number[] =>
  Array.from({ length: Math.ceil(size / stride) }, (_, i) => i * stride);

/** Processes (B, C, H, W) tile by tile and blends the results. */
export function runTiled(x: Tensor, plan: TilePlan, run: (tile: Tensor) => Tensor): Tensor {
  const { tile, stride, blend, kept } = plan;
  return tidy(() => {
    const bands: Tensor[] = [];
    let above: readonly Tensor[] = [];
    for (const top of starts(x.size(2), stride)) {
      const row: Tensor[] = [];
      for (const left of starts(x.size(3), stride)) {
        const part = x.slice(2, top, top + tile).slice(3, left, left + tile);
        const made = tidy(() => run(part));
        // The tile above first, then the one on the left, both after their own blending.
        const lower = blended(above[row.length], made, 2, blend);
        row.push(blended(row.at(-1), lower, 3, blend));
      }
      const band = row.map((made) => made.slice(2, 0, kept).slice(3, 0, kept));
      bands.push(cat(band, 3));
      above = row;
    }
    return cat(bands, 2);
  });
}

/** Blends the end of `previous` linearly into the beginning of `next` along a dimension. */
function blended(previous: Tensor | undefined, next: Tensor, dim: 2 | 3, blend: number): Tensor {
  if (previous === undefined) return next;
  const extent = Math.min(previous.size(dim), next.size(dim), blend);
  if (extent === 0) return next;
  const weights = (at: (k: number) => number): Tensor => {
    const shape = dim === 2 ? [1, 1, extent, 1] : [1, 1, 1, extent];
    const values = Float32Array.from({ length: extent }, (_, k) => at(k));
    return fromTypedArray(values, shape, { device: next.device });
  };
  const leaving = previous.narrow(dim, previous.size(dim) - extent, extent);
  const arriving = next.narrow(dim, 0, extent);
  const seam = leaving
    .mul(weights((k) => 1 - k / extent))
    .add(arriving.mul(weights((k) => k / extent)))
    .to({ dtype: next.dtype });
  return cat([seam, next.narrow(dim, extent, next.size(dim) - extent)], dim);
}
