import type { KeyRule } from "../../weights/index.ts";

/** A block's keys in the code of PixArt-α and PixArt-Σ, and in diffusers, each with its own prefix. */
const blockRules = (there: string, here: string): KeyRule[] =>
  (
    [
      ["scale_shift_table", "scale_shift_table"],
      ["attn.qkv.*", ["attn1.to_q.*", "attn1.to_k.*", "attn1.to_v.*"]],
      ["attn.proj.*", "attn1.to_out.0.*"],
      // PixArt-Σ's normalised queries and keys, and its compression of keys and values.
      ["attn.q_norm.*", "attn1.q_norm.*"],
      ["attn.k_norm.*", "attn1.k_norm.*"],
      ["attn.sr.*", "attn1.sr.*"],
      ["attn.norm.*", "attn1.norm.*"],
      ["cross_attn.q_linear.*", "attn2.to_q.*"],
      ["cross_attn.kv_linear.*", ["attn2.to_k.*", "attn2.to_v.*"]],
      ["cross_attn.proj.*", "attn2.to_out.0.*"],
      ["mlp.fc1.*", "ff.net.0.proj.*"],
      ["mlp.fc2.*", "ff.net.2.*"],
    ] as const
  ).map(
    ([from, to]): KeyRule => [
      there + from,
      typeof to === "string" ? here + to : to.map((part) => here + part),
    ],
  );

/**
 * PixArt's keys in its own code (PixArt-alpha and PixArt-sigma, `diffusion/model/nets`) and in diffusers, following the
 * conversion tools of PixArt-alpha, PixArt-sigma and diffusers, which have all of these except Σ's compression.
 */
export const pixArtOriginalKeys: readonly KeyRule[] = [
  ["x_embedder.proj.*", "pos_embed.proj.*"],
  ["t_embedder.mlp.0.*", "adaln_single.emb.timestep_embedder.linear_1.*"],
  ["t_embedder.mlp.2.*", "adaln_single.emb.timestep_embedder.linear_2.*"],
  ["csize_embedder.mlp.0.*", "adaln_single.emb.resolution_embedder.linear_1.*"],
  ["csize_embedder.mlp.2.*", "adaln_single.emb.resolution_embedder.linear_2.*"],
  ["ar_embedder.mlp.0.*", "adaln_single.emb.aspect_ratio_embedder.linear_1.*"],
  ["ar_embedder.mlp.2.*", "adaln_single.emb.aspect_ratio_embedder.linear_2.*"],
  ["t_block.1.*", "adaln_single.linear.*"],
  ["y_embedder.y_proj.fc1.*", "caption_projection.linear_1.*"],
  ["y_embedder.y_proj.fc2.*", "caption_projection.linear_2.*"],
  ...blockRules("blocks.{i}.", "transformer_blocks.{i}."),
  ["final_layer.scale_shift_table", "scale_shift_table"],
  ["final_layer.linear.*", "proj_out.*"],
];

/**
 * The control part of a PixArt-δ ControlNet in addition to its `base_model.` (PixArt-alpha
 * `diffusion/model/nets/pixart_controlnet.py`), and in diffusers' `examples/research_projects/pixart`.
 */
export const pixArtControlNetOriginalKeys: readonly KeyRule[] = [
  ["controlnet.{i}.before_proj.*", "controlnet_blocks.{i}.before_proj.*"],
  ["controlnet.{i}.after_proj.*", "controlnet_blocks.{i}.after_proj.*"],
  ...blockRules("controlnet.{i}.copied_block.", "controlnet_blocks.{i}.transformer_block."),
];
