import type { ConversionFamily } from "../conversion/family.ts";
import {
  type PixArtTransformerConfig,
  pixArtDimensions,
  readPixArtTransformerConfig,
  writePixArtTransformerConfig,
} from "./config.ts";
import { isWeightless } from "./kv-compression.ts";
import { pixArtOriginalKeys } from "./original-keys.ts";
import { readPixArtFile } from "./single-file.ts";

/** Pixels per side of a latent pixel. */
const VAE_SCALE = 8;

/** PixArt, for conversion between layouts. */
export const pixArtConversion: ConversionFamily<PixArtTransformerConfig> = {
  name: "PixArt",
  readFile: readPixArtFile,
  readConfig: readPixArtTransformerConfig,
  writeConfig: writePixArtTransformerConfig,
  own: (weights) => weights,
  toDiffusers: (tensors) => tensors,
  originalKeys: pixArtOriginalKeys,
  positions: (config) => {
    const { width, baseSize, interpolationScale } = pixArtDimensions(config);
    return { h: baseSize, w: baseSize, width, baseSize, interpolationScale };
  },
  describe: (config) => {
    const { width, interpolationScale, usesAdditionalConditions } = pixArtDimensions(config);
    const { numLayers, sampleSize, kvCompressConfig, qkNorm } = config;
    return [
      `PixArt of ${numLayers} layers, width ${width}, for ${sampleSize * VAE_SCALE} px, positions divided by ${interpolationScale}`,
      ...(usesAdditionalConditions ? ["conditioned on the picture's size"] : []),
      ...(kvCompressConfig
        ? [
            `${kvCompressConfig.kvCompressLayer.length} layers compressed (${kvCompressConfig.sampling})`,
          ]
        : []),
      ...(qkNorm ? ["queries and keys normalised"] : []),
    ].join(", ");
  },
  notOriginal: ({ activationFn, normEps, normElementwiseAffine, captionChannels, ...config }) => {
    if (activationFn !== "gelu-approximate") return `activation_fn ${activationFn}`;
    if (normEps !== 1e-6) return `norm_eps ${normEps}`;
    if (normElementwiseAffine) return "norms with weights";
    if (captionChannels === null) return "captions without a projection";
    if (!config.attentionBias) return "attention without biases";
    return undefined;
  },
  notDiffusers: ({ mlpRatio }) =>
    mlpRatio === 4 ? undefined : `an MLP ${mlpRatio} times as wide as the model`,
  unwritten: ({ kvCompressConfig }) =>
    isWeightless(kvCompressConfig)
      ? [
          `kvCompressConfig (${kvCompressConfig.sampling}, scale ${kvCompressConfig.scaleFactor}, ${kvCompressConfig.kvCompressLayer.length} layers)`,
        ]
      : [],
  facts: ({ numAttentionHeads, kvCompressConfig }) => ({
    numAttentionHeads,
    kvCompressConfig: isWeightless(kvCompressConfig) ? kvCompressConfig : undefined,
  }),
  essence: (config) => {
    const { numAttentionHeads, inChannels, numLayers, patchSize, sampleSize } = config;
    const { captionChannels, kvCompressConfig, qkNorm, mlpRatio } = config;
    const sizes = { numAttentionHeads, inChannels, numLayers, patchSize, sampleSize };
    const sigma = { kvCompressConfig, qkNorm };
    return { ...sizes, captionChannels, ...sigma, mlpRatio, ...pixArtDimensions(config) };
  },
};
