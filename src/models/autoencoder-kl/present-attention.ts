import type { StateSource } from "../../nn/index.ts";

/** The names that older versions of diffusers gave the layers of an attention block. */
const presentNames: ReadonlyMap<string, string> = new Map([
  ["query", "to_q"],
  ["key", "to_k"],
  ["value", "to_v"],
  ["proj_attn", "to_out.0"],
]);

const oldKey = /^(.+\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$/;
const layerWeight = /\.attentions\.\d+\.(to_[qkv]|to_out\.0)\.weight$/;

const presentKey = (key: string): string =>
  key.replace(oldKey, (_, block, layer, kind) => `${block}.${presentNames.get(layer)}.${kind}`);

/**
 * Converts attention blocks to the form that diffusers writes today: renames old keys, and turns Latent Diffusion's 1×1
 * convolutions (C, C, 1, 1) into matrices (C, C).
 */
export function presentAttention(weights: StateSource): StateSource {
  const stored = new Map(Array.from(weights.keys(), (key) => [presentKey(key), key]));
  const storedKey = (key: string): string => stored.get(key) ?? key;
  const isConvolution = (key: string): boolean =>
    layerWeight.test(key) && weights.shape(storedKey(key)).slice(2).join() === "1,1";
  return {
    keys: () => stored.keys(),
    shape: (key) => weights.shape(storedKey(key)).slice(0, isConvolution(key) ? 2 : undefined),
    tensor: (key) => {
      const tensor = weights.tensor(storedKey(key));
      return isConvolution(key) ? tensor.flatten(1) : tensor;
    },
  };
}
