import { construct } from "../../nn/index.ts";
import type { ConversionFamily } from "../conversion/family.ts";
import { type DiTConfig, readDiTConfig, writeDiTConfig } from "./config.ts";
import { ownDiTKeys, toDiffusersDiT } from "./diffusers-keys.ts";
import { diTOriginalKeys } from "./original-keys.ts";
import { readDiTFile } from "./single-file.ts";
import { DiTTransformer2DModel } from "./transformer.ts";

const baseSize = ({ sampleSize, patchSize }: DiTConfig): number =>
  Math.floor(sampleSize / patchSize);
const width = (config: DiTConfig): number => config.numAttentionHeads * config.attentionHeadDim;

/** DiT, for conversion between layouts. */
export const diTConversion: ConversionFamily<DiTConfig> = {
  name: "DiT",
  readFile: readDiTFile,
  readConfig: readDiTConfig,
  writeConfig: writeDiTConfig,
  own: (weights, config) => {
    const model = construct({ device: "meta" }, () => new DiTTransformer2DModel(config));
    return ownDiTKeys(weights, model.namedParameters(), config.numLayers);
  },
  toDiffusers: (tensors, { numLayers }) => toDiffusersDiT(tensors, numLayers),
  originalKeys: diTOriginalKeys,
  positions: (config) => ({
    h: baseSize(config),
    w: baseSize(config),
    width: width(config),
    baseSize: baseSize(config),
    interpolationScale: 1,
  }),
  describe: (config) =>
    `DiT of ${config.numLayers} layers, width ${width(config)}, for ${config.sampleSize * 8} px, ${config.numEmbedsAdaNorm} classes`,
  notOriginal: (config) => {
    if (config.activationFn !== "gelu-approximate") return `activation_fn ${config.activationFn}`;
    if (config.normElementwiseAffine) return "a norm with weights";
    if (!config.attentionBias) return "attention without biases";
    // diffusers' class embeds time at its own frequencies, whatever the weights were trained with. The original only stores the
    // weights.
    return undefined;
  },
  notDiffusers: ({ mlpRatio, hasNoClass }) => {
    if (mlpRatio !== 4) return `an MLP ${mlpRatio} times as wide as the model`;
    if (!hasNoClass) return 'no row for "no class"';
    return undefined;
  },
  unwritten: () => [],
  facts: ({ numAttentionHeads, numEmbedsAdaNorm }) => ({
    numAttentionHeads,
    numClasses: numEmbedsAdaNorm,
  }),
  essence: ({ numAttentionHeads, inChannels, numLayers, patchSize, sampleSize, ...config }) => ({
    numAttentionHeads,
    inChannels,
    numLayers,
    patchSize,
    sampleSize,
    outChannels: config.outChannels ?? inChannels,
    numEmbedsAdaNorm: config.numEmbedsAdaNorm,
    hasNoClass: config.hasNoClass,
    mlpRatio: config.mlpRatio,
  }),
};
