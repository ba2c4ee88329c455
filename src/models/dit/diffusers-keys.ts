import { UnsupportedError } from "../../errors/index.ts";
import { checkKeys } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import type { TypedWeights } from "../../weights/index.ts";

/** Keys of the embedders that all blocks share here; diffusers stores a copy of both in every block. */
const shared = /^(?:timestep_embedder|class_embedder)\./;

const copyIn = (block: number, key: string): string =>
  `transformer_blocks.${block}.norm1.emb.${key}`;

/** Tensors under DiT's own keys in diffusers' layout: shared embedders once per block. */
export const toDiffusersDiT = <T>(
  state: ReadonlyMap<string, T>,
  numLayers: number,
): Map<string, T> =>
  new Map(
    [...state].flatMap(([key, value]): [string, T][] =>
      shared.test(key)
        ? Array.from({ length: numLayers }, (_, block) => [copyIn(block, key), value])
        : [[key, value]],
    ),
  );

/**
 * Weights in diffusers' layout under DiT's own keys. Throws if weights are missing, unexpected or of another shape than in
 * `wanted`, and if the blocks' embedders differ: such a model is not a DiT.
 */
export function fromDiffusersDiT(
  weights: TypedWeights,
  wanted: ReadonlyMap<string, torch.Tensor>,
  numLayers: number,
): TypedWeights {
  const shapes = new Map([...wanted].map(([key, { shape }]) => [key, shape]));
  checkKeys("DiTTransformer2DModel", toDiffusersDiT(shapes, numLayers), weights);
  const stored = (key: string): string => (shared.test(key) ? copyIn(0, key) : key);
  for (const key of wanted.keys()) {
    if (!shared.test(key)) continue;
    for (let block = 1; block < numLayers; block++) {
      const other = copyIn(block, key);
      if (torch.tidy(() => weights.tensor(stored(key)).equal(weights.tensor(other)))) continue;
      throw new UnsupportedError(
        `Expected ${other} to equal ${stored(key)} but it differs. DiT embeds time and class once for all blocks; weights that were trained with an embedding in each block can't be loaded.`,
      );
    }
  }
  return {
    keys: () => wanted.keys(),
    shape: (key) => weights.shape(stored(key)),
    dtype: (key) => weights.dtype(stored(key)),
    tensor: (key) => weights.tensor(stored(key)),
  };
}

/** Weights under DiT's own keys, converted if they are in diffusers' layout. Throws as {@link fromDiffusersDiT} does. */
export const ownDiTKeys = (
  weights: TypedWeights,
  wanted: ReadonlyMap<string, torch.Tensor>,
  numLayers: number,
): TypedWeights =>
  [...weights.keys()].includes(copyIn(0, "class_embedder.embedding_table.weight"))
    ? fromDiffusersDiT(weights, wanted, numLayers)
    : weights;
