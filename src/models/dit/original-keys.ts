import type { KeyRule } from "../../weights/index.ts";

/**
 * DiT's keys in its own code (facebookresearch/DiT `models.py`) and here. Both embed time and class once for all blocks;
 * diffusers' copies of those embedders in every block come after (`diffusers-keys.ts`).
 */
export const diTOriginalKeys: readonly KeyRule[] = [
  ["x_embedder.proj.*", "pos_embed.proj.*"],
  ["t_embedder.mlp.0.*", "timestep_embedder.linear_1.*"],
  ["t_embedder.mlp.2.*", "timestep_embedder.linear_2.*"],
  ["y_embedder.embedding_table.weight", "class_embedder.embedding_table.weight"],
  ["blocks.{i}.adaLN_modulation.1.*", "transformer_blocks.{i}.norm1.linear.*"],
  [
    "blocks.{i}.attn.qkv.*",
    [
      "transformer_blocks.{i}.attn1.to_q.*",
      "transformer_blocks.{i}.attn1.to_k.*",
      "transformer_blocks.{i}.attn1.to_v.*",
    ],
  ],
  ["blocks.{i}.attn.proj.*", "transformer_blocks.{i}.attn1.to_out.0.*"],
  ["blocks.{i}.mlp.fc1.*", "transformer_blocks.{i}.ff.net.0.proj.*"],
  ["blocks.{i}.mlp.fc2.*", "transformer_blocks.{i}.ff.net.2.*"],
  ["final_layer.adaLN_modulation.1.*", "proj_out_1.*"],
  ["final_layer.linear.*", "proj_out_2.*"],
];
