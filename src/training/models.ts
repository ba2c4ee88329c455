import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import {
  AutoencoderKL,
  DiTTransformer2DModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../models/index.ts";
import { construct } from "../nn/index.ts";
import * as torch from "../torch/index.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** Pixels of a latent's side: 2 for every halving. */
export const autoencoderFactor = (vae: AutoencoderKL): number =>
  2 ** (vae.config.blockOutChannels.length - 1);

/** The stream that a model's first weights are drawn from. */
const initialDraws = (config: ResolvedConfig, name: string): torch.Generator =>
  torch.stream(config.seed, `init/${name}`, 0);

/** The autoencoder that the config describes, with fresh weights, or the pretrained one. */
export async function buildAutoencoder(
  config: ResolvedConfig,
  scalingFactor?: number,
): Promise<AutoencoderKL> {
  const { autoencoder } = config;
  if ("pretrained" in autoencoder) return AutoencoderKL.fromPretrained(autoencoder.pretrained);
  const [first, ...rest] = autoencoder.blockOutChannels;
  const levels = [first, ...rest];
  const resolution = Math.max(...config.stages.map((stage) => stage.resolution));
  return construct(
    { generator: initialDraws(config, "autoencoder") },
    () =>
      new AutoencoderKL({
        ...autoencoder,
        blockOutChannels: [first, ...rest],
        downBlockTypes: levels.map(() => "DownEncoderBlock2D" as const),
        upBlockTypes: levels.map(() => "UpDecoderBlock2D" as const),
        sampleSize: resolution,
        scalingFactor: scalingFactor ?? autoencoder.scalingFactor ?? 1,
      }),
  );
}

/** The text encoder that the config describes, with fresh weights, or the pretrained one. */
export async function buildTextEncoder(
  config: ResolvedConfig,
  vocabSize: number,
): Promise<T5EncoderModel> {
  const { textEncoder } = config;
  if ("pretrained" in textEncoder) return T5EncoderModel.fromPretrained(textEncoder.pretrained);
  return construct(
    { generator: initialDraws(config, "text-encoder") },
    () => new T5EncoderModel({ ...textEncoder, vocabSize }),
  );
}

interface LatentShape {
  readonly channels: number;
  /** Side of the square latents. */
  readonly size: number;
}

/** The class-conditional DiT of the pixel-dependency stage, with the original's first weights. */
export function buildDiT(
  config: ResolvedConfig,
  latents: LatentShape,
  classCount: number,
): DiTTransformer2DModel {
  const { numLayers, numAttentionHeads, attentionHeadDim, patchSize, outChannels, attentionBias } =
    config.transformer;
  return new DiTTransformer2DModel({
    numLayers,
    numAttentionHeads,
    attentionHeadDim,
    patchSize,
    attentionBias,
    inChannels: latents.channels,
    outChannels: outChannels ?? 2 * latents.channels,
    sampleSize: latents.size,
    numEmbedsAdaNorm: classCount,
  }).initializeWeights(initialDraws(config, "transformer"));
}

/** The PixArt transformer of a text-to-image stage, with the paper's first weights. */
export function buildTransformer(
  config: ResolvedConfig,
  stage: TextToImageStage,
  latents: LatentShape,
  captionChannels: number,
): PixArtTransformer2DModel {
  const {
    numLayers,
    numAttentionHeads,
    attentionHeadDim,
    patchSize,
    outChannels,
    attentionBias,
    normEps,
    useAdditionalConditions,
  } = config.transformer;
  const model = new PixArtTransformer2DModel({
    numLayers,
    numAttentionHeads,
    attentionHeadDim,
    patchSize,
    attentionBias,
    normEps,
    useAdditionalConditions,
    crossAttentionDim: numAttentionHeads * attentionHeadDim,
    inChannels: latents.channels,
    outChannels: outChannels ?? 2 * latents.channels,
    sampleSize: latents.size,
    interpolationScale: stage.interpolationScale,
    captionChannels,
  }).initializeWeights(initialDraws(config, "transformer"));
  model.gradientCheckpointing = stage.gradientCheckpointing;
  return model;
}
