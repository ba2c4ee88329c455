import type { Tensor } from "../../torch/index.ts";

/** The names that older versions of diffusers gave the layers of an attention block. */
const presentNames: ReadonlyMap<string, string> = new Map([
  ["query", "to_q"],
  ["key", "to_k"],
  ["value", "to_v"],
  ["proj_attn", "to_out.0"],
]);

/**
 * A checkpoint with its attention blocks as diffusers writes them today: old names replaced, and weights that are 1×1
 * convolutions (C, C, 1, 1), as in Latent Diffusion, made matrices (C, C).
 */
export function withPresentAttention(weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    Array.from(weights, ([key, tensor]) => {
      const [, block, layer = "", kind] = /^(.+\.attentions\.\d+)\.(.+)\.(weight|bias)$/.exec(key) ?? [];
      if (block === undefined || layer === "group_norm") return [key, tensor];
      const name = presentNames.get(layer) ?? layer;
      return [`${block}.${name}.${kind}`, tensor.ndim === 4 ? tensor.flatten(1) : tensor];
    }),
  );
}
