import { expectedNo } from "../errors/index.ts";
import { chunk } from "../models/chunk.ts";
import type {
  PixArtControlNetTransformerModel,
  PixArtInputs,
  PixArtTransformer2DModel,
} from "../models/index.ts";
import type { AttentionCache } from "../models/pixart/attention-cache.ts";
import type { AddedConditions } from "../models/pixart/conditioning.ts";
import { pixArtDimensions } from "../models/pixart/config.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { type GuidanceBranches, isGuidedStep, type StepGuidance, tgatePlan } from "./guidance.ts";
import type { EncodedText } from "./prompts/encoded-text.ts";
import type { EncodedPrompt } from "./prompts/prompt-encoder.ts";

// Shapes: B pictures, L caption tokens, D width of the text encoder's states, C latent channels, H and W picture size in pixels, f pixels on a side of a latent pixel.

/** The models that a prediction uses. */
export interface PredictorModels {
  readonly transformer: PixArtTransformer2DModel;
  /** The transformer with its controlnet, if there is one. */
  readonly controlled: PixArtControlNetTransformerModel | undefined;
  /** Pixels on a side of a latent pixel. */
  readonly vaeScaleFactor: number;
}

/** Inputs that stay the same from step to step. */
export interface PredictorInputs {
  readonly prompt: EncodedPrompt;
  /** (B, C, H/f, W/f), only for their size */
  readonly latents: Tensor;
  /** (B, C, H/f, W/f): what to follow */
  readonly control: Tensor | undefined;
}

/** How predictions are guided away from the negative prompt. */
export interface Guidance extends StepGuidance {
  readonly guidanceScale: number;
  readonly scheduler: Scheduler;
  /** In the whole loop. */
  readonly numSteps: number;
  /** If two processes share the work. */
  readonly branches: GuidanceBranches | undefined;
}

/** The prediction for the sampler's input (B, C, H/f, W/f) at a timestep, which is that of a step counted from 0. */
export type NoisePredictor = (input: Tensor, timestep: number, stepIndex: number) => Tensor;

/** PixArt-alpha `diffusion/model/nets/PixArt.py` forward_with_cfg. */
const ORIGINAL_GUIDED_CHANNELS = 3;

const guided = (negative: Tensor, positive: Tensor, scale: number): Tensor =>
  negative.add(positive.sub(negative).mul(scale));

/** The transformer with its text, alone or following `control` (B, C, H/f, W/f). */
function withText(
  { transformer, controlled }: PredictorModels,
  { hiddenStates, attentionMask }: EncodedText,
  control: Tensor | undefined,
): (input: Tensor, inputs: Omit<PixArtInputs, "encoderHiddenStates">) => Tensor {
  if (control === undefined) {
    const encoderHiddenStates = torch.noGrad(() =>
      transformer.prepareCaption(hiddenStates, attentionMask),
    );
    return (input, inputs) => transformer.call(input, { ...inputs, encoderHiddenStates });
  }
  if (controlled === undefined) throw expectedNo("control", "without a controlnet", "a tensor");
  const conditions = { encoderHiddenStates: hiddenStates, controlnetCond: control };
  return (input, inputs) => controlled.call(input, { ...inputs, ...conditions });
}

/** Predictions for the pictures of several `texts`, concatenated in one batch: (B, C, H/f, W/f) → (n·B, C_out, H/f, W/f). */
function batchOf(
  models: PredictorModels,
  texts: readonly EncodedText[],
  { latents, control }: PredictorInputs,
  attentionCache: AttentionCache | undefined,
): (input: Tensor, timestep: number) => Tensor {
  const hiddenStates = torch.cat(texts.map((text) => text.hiddenStates));
  const attentionMask = torch.cat(texts.map((text) => text.attentionMask));
  const controls = control && torch.cat(texts.map(() => control));
  const model = withText(models, { hiddenStates, attentionMask }, controls);
  const rows = latents.size(0) * texts.length;
  const addedCondKwargs = pixArtDimensions(models.transformer.config).usesAdditionalConditions
    ? sizeConditions(latents, rows, models.vaeScaleFactor)
    : undefined;
  const { device } = latents;
  return (input, timestep) =>
    model(torch.cat(texts.map(() => input)), {
      encoderAttentionMask: attentionMask,
      timestep: torch.full([rows], timestep, { dtype: "float32", device }),
      addedCondKwargs,
      attentionCache,
    });
}

/**
 * The predictor of one call, guided if there is a negative prompt. What it keeps from step to step belongs to the scope it is
 * made in, or to `attentionCache`.
 */
export function noisePredictor(
  models: PredictorModels,
  inputs: PredictorInputs,
  { guidanceScale, scheduler, numSteps, branches, ...steps }: Guidance,
  attentionCache: AttentionCache,
): NoisePredictor {
  const { positive, negative } = inputs.prompt;
  // Both halves go through the model as one batch, the negative one first, or each in its own process.
  const both = negative === undefined ? [positive] : [negative, positive];
  const shared = both.length > 1 ? branches : undefined;
  const texts = shared === undefined ? both : both.slice(shared.own, shared.own + 1);
  const { guidanceInterval, tgate } = steps;
  const cache = tgate && attentionCache;
  const together = batchOf(models, texts, inputs, cache);
  const hasUnguided = negative !== undefined && (guidanceInterval ?? tgate) !== undefined;
  // After T-GATE's gate no caption is attended to, so one token is enough.
  const prompt = tgate === undefined ? positive : firstToken(positive);
  const alone = hasUnguided ? batchOf(models, [prompt], inputs, cache) : together;
  return (input, timestep, stepIndex) => {
    const isGuided = negative !== undefined && isGuidedStep(steps, stepIndex, numSteps);
    attentionCache.plan = tgate && tgatePlan(stepIndex, tgate, isGuided);
    const predicted = (isGuided ? together : alone)(input, timestep);
    const output = isGuided && shared !== undefined ? shared.gather(predicted) : predicted;
    // Channels beyond the latents' own predict the variance, which most samplers don't use.
    const prediction = scheduler.usesLearnedVariance ? output : output.narrow(1, 0, input.size(1));
    if (!isGuided) return prediction;
    const [negativeHalf, positiveHalf] = chunk(prediction, 2, 0);
    if (!scheduler.usesLearnedVariance) return guided(negativeHalf, positiveHalf, guidanceScale);
    // The original's ancestral sampler, like DiT's, guides three channels and takes the prompt's own variance.
    const free = positiveHalf.size(1) - ORIGINAL_GUIDED_CHANNELS;
    const [first, rest] = [0, ORIGINAL_GUIDED_CHANNELS];
    return torch.cat(
      [
        guided(
          negativeHalf.narrow(1, first, rest),
          positiveHalf.narrow(1, first, rest),
          guidanceScale,
        ),
        positiveHalf.narrow(1, rest, free),
      ],
      1,
    );
  };
}

const firstToken = ({ hiddenStates, attentionMask }: EncodedText): EncodedText => ({
  hiddenStates: hiddenStates.narrow(1, 0, 1),
  attentionMask: attentionMask.narrow(1, 0, 1),
});

/** Size and aspect ratio in pixels, for transformers that are conditioned on them. */
export function sizeConditions(
  latents: Tensor,
  rows: number,
  vaeScaleFactor: number,
): AddedConditions {
  const { device, dtype } = latents;
  const height = latents.size(2) * vaeScaleFactor;
  const width = latents.size(3) * vaeScaleFactor;
  return {
    resolution: torch.tensor([[height, width]], { device, dtype }).repeat([rows, 1]),
    aspectRatio: torch.tensor([[height / width]], { device, dtype }).repeat([rows, 1]),
  };
}
