import type {
  AutoencoderConfig,
  Filled,
  ParsedConfig,
  Pretrained,
  ResolvedConfig,
  ResolvedStage,
  TextEncoderConfig,
  TransformerConfig,
} from "../../config/index.ts";
import { InternalError } from "../../errors/index.ts";
import {
  AutoencoderKL,
  DiTTransformer2DModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import { construct } from "../../nn/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import { LazyTextEncoder } from "./lazy-text-encoder.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** Pixels per latent along a side: a factor of 2 for every halving. */
export const autoencoderFactor = (vae: AutoencoderKL): number =>
  2 ** (vae.config.blockOutChannels.length - 1);

/** Arguments of a component's `fromPretrained`. */
export const pretrainedArguments = ({
  pretrained,
  subfolder,
  revision,
}: Filled<Pretrained>): [string, { readonly subfolder?: string; readonly revision?: string }] => [
  pretrained,
  {
    ...(subfolder !== null && { subfolder }),
    ...(revision !== null && { revision }),
  },
];

/** The random stream of a model's initial weights. */
const initialDraws = (config: ResolvedConfig, name: string): torch.Generator =>
  torch.stream(config.seed, `init/${name}`, 0);

/** The autoencoder that the config describes: a new one with initial weights, or the pretrained one. */
export async function buildAutoencoder(
  config: ResolvedConfig,
  scalingFactor?: number,
): Promise<AutoencoderKL> {
  const { autoencoder } = config;
  return "pretrained" in autoencoder
    ? AutoencoderKL.fromPretrained(...pretrainedArguments(autoencoder))
    : newAutoencoder(config, autoencoder, scalingFactor);
}

/** An autoencoder of this shape with initial weights. */
export function newAutoencoder(
  config: ResolvedConfig,
  shape: Filled<AutoencoderConfig>,
  scalingFactor?: number,
): AutoencoderKL {
  const [first, ...rest] = shape.blockOutChannels;
  const levels = [first, ...rest];
  const resolution = Math.max(...config.stages.map((stage) => stage.resolution));
  return construct(
    { generator: initialDraws(config, "autoencoder") },
    () =>
      new AutoencoderKL({
        ...shape,
        blockOutChannels: [first, ...rest],
        downBlockTypes: levels.map(() => "DownEncoderBlock2D" as const),
        upBlockTypes: levels.map(() => "UpDecoderBlock2D" as const),
        sampleSize: resolution,
        scalingFactor: scalingFactor ?? shape.scalingFactor ?? 1,
      }),
  );
}

/** Whether the run's checkpoints contain the text encoder: if the run trains it or created it. */
export const holdsTextEncoder = ({
  textEncoder,
  stages,
}: Pick<ParsedConfig, "textEncoder" | "stages">): boolean =>
  !("pretrained" in textEncoder) ||
  stages.some((stage) => stage.kind === "text-to-image" && stage.trainTextEncoder);

/** Whether a stage trains the text encoder or an adapter of it, so that captions are encoded in every step. */
export const trainsTextEncoder = ({
  trainTextEncoder,
  textEncoderAdapter,
}: Pick<TextToImageStage, "trainTextEncoder" | "textEncoderAdapter">): boolean =>
  trainTextEncoder || textEncoderAdapter !== null;

/** The text encoder that the config describes: a new one with initial weights, or the pretrained one in float32, for training. */
export async function buildTextEncoder(
  config: ResolvedConfig,
  vocabSize: number,
): Promise<T5EncoderModel> {
  const { textEncoder } = config;
  return "pretrained" in textEncoder
    ? T5EncoderModel.fromPretrained(...pretrainedArguments(textEncoder))
    : newTextEncoder(config, textEncoder, vocabSize);
}

/** A text encoder of this shape with initial weights. */
export const newTextEncoder = (
  config: ResolvedConfig,
  shape: Filled<TextEncoderConfig>,
  vocabSize: number,
): T5EncoderModel =>
  construct(
    { generator: initialDraws(config, "text-encoder") },
    () => new T5EncoderModel({ ...shape, vocabSize }),
  );

/** The pretrained text encoder of a stage that does not train it. */
export const frozenTextEncoder = (
  textEncoder: Filled<Pretrained>,
  { precision }: Pick<TextToImageStage, "precision">,
  device: torch.Device = "cpu",
): LazyTextEncoder => new LazyTextEncoder(textEncoder, precision, device);

/** Loads the tokenizer from a folder. */
export function pretrainedTokenizer(tokenizer: Filled<Pretrained>): Promise<T5Tokenizer> {
  const [folder, options] = pretrainedArguments(tokenizer);
  return T5Tokenizer.fromPretrained(folder, options);
}

/** Shape of a stage's latents. */
export interface LatentShape {
  readonly channels: number;
  /** Side of the square latents. */
  readonly size: number;
}

/** The shape of the run's own transformer. Throws if it is a pretrained one. */
function transformerShape({ transformer }: ResolvedConfig): Filled<TransformerConfig> {
  if (!("pretrained" in transformer)) return transformer;
  throw new InternalError(
    "Expected the shape of a new transformer but the config names a pretrained one",
  );
}

/** The class-conditional DiT of the pixel-dependency stage, with the initial weights of the original code. */
export function buildDiT(
  config: ResolvedConfig,
  latents: LatentShape,
  classCount: number,
): DiTTransformer2DModel {
  const { useAdditionalConditions, normEps, ...shape } = transformerShape(config);
  return new DiTTransformer2DModel({
    ...shape,
    inChannels: latents.channels,
    outChannels: shape.outChannels ?? 2 * latents.channels,
    sampleSize: latents.size,
    numEmbedsAdaNorm: classCount,
  }).initializeWeights(initialDraws(config, "transformer"));
}

/**
 * The PixArt transformer of a text-to-image stage: the pretrained one, or a new one with the paper's initial weights.
 * @param captionChannels width of the text encoder's states
 */
export async function buildTransformer(
  config: ResolvedConfig,
  stage: TextToImageStage,
  latents: LatentShape,
  captionChannels: () => Promise<number>,
): Promise<PixArtTransformer2DModel> {
  const { transformer } = config;
  const model =
    "pretrained" in transformer
      ? await pretrainedTransformer(transformer, stage)
      : newTransformer(config, stage, latents, await captionChannels());
  model.gradientCheckpointing = stage.gradientCheckpointing;
  return model;
}

async function pretrainedTransformer(
  transformer: Filled<Pretrained>,
  { interpolationScale }: TextToImageStage,
): Promise<PixArtTransformer2DModel> {
  const stored = await PixArtTransformer2DModel.fromPretrained(...pretrainedArguments(transformer));
  if (interpolationScale === null || interpolationScale === stored.config.interpolationScale)
    return stored;
  const scaled = construct(
    { device: "meta" },
    () => new PixArtTransformer2DModel({ ...stored.config, interpolationScale }),
  );
  scaled.loadStateDict(stored.stateDict());
  stored.dispose();
  return scaled;
}

/** A PixArt transformer of the config's shape, with the paper's initial weights. */
export function newTransformer(
  config: ResolvedConfig,
  { interpolationScale }: TextToImageStage,
  latents: LatentShape,
  captionChannels: number,
): PixArtTransformer2DModel {
  const shape = transformerShape(config);
  return new PixArtTransformer2DModel({
    ...shape,
    crossAttentionDim: shape.numAttentionHeads * shape.attentionHeadDim,
    inChannels: latents.channels,
    outChannels: shape.outChannels ?? 2 * latents.channels,
    sampleSize: latents.size,
    interpolationScale: interpolationScale ?? 1,
    captionChannels,
  }).initializeWeights(initialDraws(config, "transformer"));
}
