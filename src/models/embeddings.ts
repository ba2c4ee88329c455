import { Conv2d, Linear, Module } from "../nn/index.ts";
import * as torch from "../torch/index.ts";
import { functional as F, type Tensor } from "../torch/index.ts";

// Shapes: B batch, C channels, H height, W width, p side of a patch, h = H/p, w = W/p, N = h·w tokens, D width.

/**
 * Cosines, then sines, of a time at `width`/2 frequencies from 1 down to about 1/10000: (B) → (B, width), float32.
 * `freqShift` 0 divides the exponents by width/2 (DiT, PixArt), 1 by width/2 − 1 (diffusers' DiT).
 */
export function timestepSinusoid(timestep: Tensor, freqShift: 0 | 1 = 0, width = 256): Tensor {
  const half = width / 2;
  const frequencies = torch
    .arange(0, half, 1, { dtype: "float32", device: timestep.device })
    .mul(-Math.log(10_000))
    .div(half - freqShift)
    .exp(); // (width/2)
  const angles = timestep.float().unsqueeze(1).mul(frequencies); // (B, width/2)
  return torch.cat([angles.cos(), angles.sin()], 1); // (B, width)
}

/** Two linear layers with a SiLU between them: (B, `inputWidth`) → (B, `width`). */
export class TimestepEmbedding extends Module {
  static override readonly keys = { linear1: "linear_1", linear2: "linear_2" };

  readonly linear1: Linear;
  readonly linear2: Linear;

  constructor(inputWidth: number, width: number) {
    super();
    this.linear1 = new Linear(inputWidth, width);
    this.linear2 = new Linear(width, width);
  }

  override forward(x: Tensor): Tensor {
    return this.linear2.call(F.silu(this.linear1.call(x)));
  }
}

export interface PositionGrid {
  readonly h: number;
  readonly w: number;
  readonly width: number;
  /** Patches per side of the grid that the model is made for. */
  readonly baseSize: number;
  readonly interpolationScale: number;
}

/** sin, then cos, of `size` positions along one axis at `width`/2 frequencies, row by row. */
function axisTable(size: number, width: number, grid: PositionGrid): Float32Array {
  const half = width / 2;
  const table = new Float32Array(size * width);
  // Positions are rounded to float32 as the reference does, so that its table is reproduced to the last bit.
  const spacing = Math.fround(size / grid.baseSize);
  const scale = Math.fround(grid.interpolationScale);
  for (let i = 0; i < size; i++) {
    const position = Math.fround(Math.fround(i / spacing) / scale);
    for (let j = 0; j < half; j++) {
      const angle = position * (1 / 10_000 ** (j / half));
      table[i * width + j] = Math.sin(angle);
      table[i * width + half + j] = Math.cos(angle);
    }
  }
  return table;
}

/**
 * The fixed two-dimensional sine-cosine table, (1, h·w, D) float32: the first D/2 channels encode the column, the
 * others the row. A grid of another size than `baseSize` is stretched over the same range of positions
 * (PixArt-alpha `diffusion/model/nets/PixArt.py` get_2d_sincos_pos_embed).
 */
export function positionTable(grid: PositionGrid): Tensor {
  const { h, w, width } = grid;
  const half = width / 2;
  const columns = torch.fromTypedArray(axisTable(w, half, grid), [1, w, half]); // (1, w, D/2)
  const rows = torch.fromTypedArray(axisTable(h, half, grid), [h, 1, half]); // (h, 1, D/2)
  return torch
    .cat([columns.expand([h, w, half]), rows.expand([h, w, half])], 2)
    .reshape([1, h * w, width]);
}

/** Number of tables to cache: multi-scale training moves between dozens of grids, and one at 1024 px takes 19 MB. */
const keptTables = 8;

/** Options of {@link PatchEmbed}. */
export interface PatchEmbedOptions {
  /** C: channels of the picture. */
  readonly inChannels: number;
  /** D: width of a token. */
  readonly width: number;
  /** p: pixels on a side of a patch, which is square. */
  readonly patchSize: number;
  /** Patches per side of the grid that the model is made for. */
  readonly baseSize: number;
  /** Divisor of the positions; PixArt's is 1 at 512 px and 2 at 1024 px. */
  readonly interpolationScale: number;
}

/** Cuts a picture into patches, projects each to a token and adds its position. */
export class PatchEmbed extends Module {
  readonly proj: Conv2d;
  readonly #options: PatchEmbedOptions;
  readonly #tables = new Map<string, Tensor>();

  constructor(options: PatchEmbedOptions) {
    super();
    const { inChannels, width, patchSize } = options;
    this.#options = options;
    this.proj = new Conv2d(inChannels, width, patchSize, { stride: patchSize });
  }

  /** (B, C, H, W) → (B, N, D), patches row by row */
  override forward(x: Tensor): Tensor {
    const grid = this.proj.call(x); // (B, D, h, w)
    const tokens = grid.flatten(2, 3).transpose(1, 2); // (B, N, D)
    const positions = this.#positions(grid.size(2), grid.size(3), x.device); // (1, N, D)
    // The sum has the memory order of its first operand: with the tokens first, every later operator would run against it.
    return positions.add(tokens).to({ dtype: tokens.dtype });
  }

  /** Frees the memory of the position tables; they are recomputed when needed. */
  forgetPositions(): void {
    for (const table of this.#tables.values()) table.dispose();
    this.#tables.clear();
  }

  #positions(h: number, w: number, device: torch.Device): Tensor {
    const key = `${h}x${w} ${device}`;
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    for (const [oldest, table] of this.#tables) {
      if (this.#tables.size < keptTables) break;
      this.#tables.delete(oldest);
      table.dispose();
    }
    const table = torch.keep(positionTable({ ...this.#options, h, w }).to({ device }));
    this.#tables.set(key, table);
    return table;
  }
}

/** Puts patches back in their places: (B, h·w, p·p·C) → (B, C, h·p, w·p). Channels vary fastest within a token. */
export function unpatchify(tokens: Tensor, h: number, w: number, patchSize: number): Tensor {
  const batch = tokens.size(0);
  const channels = tokens.size(2) / patchSize ** 2;
  return tokens
    .reshape([batch, h, w, patchSize, patchSize, channels])
    .permute([0, 5, 1, 3, 2, 4]) // (B, C, h, p, w, p)
    .reshape([batch, channels, h * patchSize, w * patchSize]);
}
