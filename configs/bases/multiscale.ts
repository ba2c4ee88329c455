import type { TextToImageStageConfig, TrainConfig } from "pixart/config";
import { paper } from "./paper.ts";

/** Pictures of all shapes, each at the nearest of the 40 sizes of PixArt's tables: the released `internalms` configs. */
export const multiscale: Omit<TextToImageStageConfig, "resolution" | "batchSize" | "steps"> = {
  ...paper,
  name: "multiscale",
  aspectRatios: true,
  transform: { resample: "bicubic" },
};

/** One's own pictures. */
export const pictures: TrainConfig["dataset"] = {
  folder: "data/pictures",
  denseCaptionProbability: 1,
  cleanCaptions: true,
};

/** PixArt-Σ: CAME, no averages, half of the batches on dense captions, captions of up to 300 tokens as they are written. */
export const sigma: Omit<TextToImageStageConfig, "resolution" | "batchSize" | "steps"> = {
  ...multiscale,
  optimizer: { type: "came", lr: 2e-5 },
  ema: null,
};

/** What a PixArt-Σ pipeline has beside the transformer; its autoencoder is SDXL's. */
export const sigmaParts: Pick<TrainConfig, "base" | "tokenizer" | "dataset"> = {
  base: "PixArt-alpha/pixart_sigma_sdxlvae_T5_diffusers",
  tokenizer: {
    pretrained: "PixArt-alpha/pixart_sigma_sdxlvae_T5_diffusers",
    subfolder: "tokenizer",
    maxLength: 300,
  },
  dataset: { folder: "data/pictures", denseCaptionProbability: 0.5 },
};
