import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ErrorCode, knownClasses, UnsupportedError } from "../errors/index.ts";
import type { Device, DType } from "../torch/index.ts";
import {
  BadFileError,
  type ConfigObject,
  readConfig,
  type TypedWeights,
  type WeightsFileOptions,
} from "../weights/index.ts";
import type { KVCompressConfig } from "./pixart/kv-compression.ts";

/**
 * Facts about a model that its file of weights does not always show. What the file shows takes precedence, except over
 * `interpolationScale`.
 */
export interface SingleFileFacts {
  /** Side of the latent picture: 32, 64, 128 or 256 for 256, 512, 1024 or 2048 px. */
  readonly sampleSize?: number | undefined;
  /** Divisor of the positions: 0.5 in PixArt-Σ at 256 px. */
  readonly interpolationScale?: number | undefined;
  /** Not visible in weights; known for the published widths. */
  readonly numAttentionHeads?: number | undefined;
  /** PixArt-Σ's compression of keys and values if it has no weights: `ave`, `uniform` and `uniform_every`. */
  readonly kvCompressConfig?: KVCompressConfig | undefined;
  /**
   * Number of classes of a DiT. Default: one less than its class table has rows. If equal to the rows, it was trained with
   * `class_dropout_prob` 0 and has no "no class".
   */
  readonly numClasses?: number | undefined;
}

/** Options of `fromSingleFile`. */
export interface SingleFileOptions extends WeightsFileOptions, SingleFileFacts {
  /** Default: float32, whatever the file holds. */
  readonly dtype?: DType | undefined;
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Called with what was skipped or assumed. Default: a Node warning. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Thrown when a file of weights does not show one of the {@link SingleFileFacts} and it is not given. */
export class MissingFactError extends Error {
  override readonly name: string = "MissingFactError";
  readonly code = "ERR_MISSING_FACT" satisfies ErrorCode;
}

knownClasses(MissingFactError);

/** A model found in a file. */
export interface FoundModel<C> {
  readonly config: C;
  /** Under the model's own keys. */
  readonly weights: TypedWeights;
  /** Tensors that the model has no place for, but the original layout has. */
  readonly originalOnly: TypedWeights | undefined;
  /** Tensors of the file that the model has no place for, one entry per tensor or group. */
  readonly dropped: readonly string[];
  /** What was assumed. */
  readonly assumptions: readonly string[];
}

/** Heads by width in the published models: XL, L, B and S of DiT; PixArt only has XL. */
const HEADS: ReadonlyMap<number, number> = new Map([
  [1152, 16],
  [1024, 16],
  [768, 12],
  [384, 6],
]);

/** Sizes of a transformer derived from its weights, under the keys that diffusers' two classes share. */
export class WeightShapes {
  readonly path: string;
  readonly keys: ReadonlySet<string>;
  readonly #weights: TypedWeights;

  constructor(path: string, weights: TypedWeights) {
    this.path = path;
    this.#weights = weights;
    this.keys = new Set(weights.keys());
  }

  /** Extent of a tensor along a dimension. Throws BadFileError if the file has no such tensor. */
  extent(key: string, dimension: number): number {
    const shape = this.keys.has(key) ? this.#weights.shape(key) : undefined;
    const extent = shape?.[dimension];
    if (extent === undefined || extent < 1) {
      const found = shape === undefined ? "none" : `one of shape [${shape.join(", ")}]`;
      throw new BadFileError(this.path, `tensor "${key}"`, "a layer of the transformer", found);
    }
    return extent;
  }

  /** Number of blocks; `key` is that of a tensor in block 0. */
  blocks(key: string): number {
    let count = 0;
    while (this.keys.has(key.replace("0", `${count}`))) count++;
    return count;
  }

  /** The fields that both transformers' configurations share; `projection` is the last layer. */
  common(projection: string, { numAttentionHeads }: SingleFileFacts) {
    const width = this.extent("pos_embed.proj.weight", 0);
    const patchSize = this.extent("pos_embed.proj.weight", 2);
    const heads = numAttentionHeads ?? HEADS.get(width);
    if (heads === undefined || width % heads !== 0) {
      throw new MissingFactError(
        `Expected numAttentionHeads that divide the width ${width} of ${this.path} but received ${heads}. Weights do not show them, and ${width} is not the width of a published model.`,
      );
    }
    const hidden = this.extent("transformer_blocks.0.ff.net.2.weight", 1);
    const gated = this.extent("transformer_blocks.0.ff.net.0.proj.weight", 0) !== hidden;
    if (gated) {
      throw new UnsupportedError(
        `Expected an MLP without a gate for the weights of ${this.path}, as all published models have, but received one with a gate. Which activation it has can only be read from a config.json next to the file.`,
      );
    }
    return {
      numAttentionHeads: heads,
      attentionHeadDim: width / heads,
      inChannels: this.extent("pos_embed.proj.weight", 1),
      outChannels: this.extent(projection, 0) / patchSize ** 2,
      numLayers: this.blocks("transformer_blocks.0.attn1.to_q.weight"),
      attentionBias: this.keys.has("transformer_blocks.0.attn1.to_q.bias"),
      patchSize,
      mlpRatio: hidden / width,
    };
  }

  /** Patches per side of the picture, from the position table (1, N, D) that original files have. */
  grid(table: readonly number[]): number {
    const side = Math.sqrt(table[1] ?? 0);
    if (table.length !== 3 || table[0] !== 1 || !Number.isInteger(side) || side < 2) {
      const found = `[${table.join(", ")}]`;
      throw new BadFileError(this.path, "pos_embed", "the positions of a square, (1, N, D)", found);
    }
    return side;
  }
}

/** The error for a file whose picture size has to be given. */
export const sizeUnknown = (path: string): Error =>
  new MissingFactError(
    `Expected sampleSize for ${path}, which has no pos_embed to read it from, but received nothing. Pass 32, 64, 128 or 256 for a model of 256, 512, 1024 or 2048 px.`,
  );

/** The configuration next to a weight file in a model folder, with its path. */
export function configBeside(path: string): [config: ConfigObject, path: string] | undefined {
  const configPath = join(dirname(path), "config.json");
  return existsSync(configPath) ? [readConfig(configPath), configPath] : undefined;
}

/** Summarizes keys: `12 tensors under vae`. */
export function groupKeys(keys: readonly string[]): string[] {
  const groups = new Map<string, number>();
  for (const key of keys) {
    const name = key.split(".", 1)[0] ?? key;
    groups.set(name, (groups.get(name) ?? 0) + 1);
  }
  return [...groups].map(([name, count]) =>
    count === 1 ? name : `${count} tensors under ${name}`,
  );
}
