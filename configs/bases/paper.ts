import type { TextToImageStageConfig } from "pixart/config";

/** What PixArt-α's own training has in common after its first stage: table 4 of the paper and the released configs. */
export const paper: Omit<TextToImageStageConfig, "name" | "resolution" | "batchSize" | "steps"> = {
  kind: "text-to-image",
  loss: { type: "epsilon+vlb" },
  optimizer: { lr: 2e-5, weightDecay: 3e-2, eps: 1e-10 },
  schedule: { type: "constant", warmupSteps: 1000 },
  gradientClip: 0.01,
  gradientCheckpointing: true,
  precision: "bfloat16",
  ema: { decay: 0.9999, warmup: false },
  checkpointEvery: 2000,
  sampleEvery: 2000,
};

/** Widths of XL/2. */
export const xl2 = { numLayers: 28, numAttentionHeads: 16, attentionHeadDim: 72, patchSize: 2 };

/** The encoders of the released models, which stay as they are. */
export const encoders = {
  autoencoder: { pretrained: "stabilityai/sd-vae-ft-ema" },
  tokenizer: { pretrained: "PixArt-alpha/PixArt-XL-2-512x512", subfolder: "tokenizer" },
  textEncoder: { pretrained: "PixArt-alpha/PixArt-XL-2-512x512", subfolder: "text_encoder" },
};
