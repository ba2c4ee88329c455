import { setImmediate } from "node:timers/promises";
import { chunk } from "../models/chunk.ts";
import type { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../models/index.ts";
import type { AddedConditions } from "../models/pixart/conditioning.ts";
import { pixArtDimensions } from "../models/pixart/config.ts";
import type { Scheduler } from "../schedulers/index.ts";
import { prepareCaption, type T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { Tensor } from "../torch/index.ts";
import {
  type PixArtAlphaOptions,
  type PixArtAlphaRequest,
  resolveRequest,
} from "./pixart-alpha-request.ts";
import { type PictureSize, resizeAndCrop } from "./resolution-bins.ts";

// Shapes: B pictures, L caption tokens, D width of the text encoder's states, C latent channels, H and W picture
// size in pixels, f pixels on a side of a latent pixel.

/** What a pipeline is made of. */
export interface PixArtAlphaComponents {
  readonly transformer: PixArtTransformer2DModel;
  readonly vae: AutoencoderKL;
  readonly textEncoder: T5EncoderModel;
  readonly tokenizer: T5Tokenizer;
  readonly scheduler: Scheduler;
}

/** Text as the transformer takes it. */
export interface EncodedText {
  /** (B, L, D) */
  readonly hiddenStates: Tensor;
  /** (B, L), 1 where a token counts. */
  readonly attentionMask: Tensor;
}

export interface EncodedPrompt {
  readonly positive: EncodedText;
  /** What guidance leads away from; no guidance where undefined. */
  readonly negative: EncodedText | undefined;
}

export interface DenoiseOptions {
  readonly prompt: EncodedPrompt;
  /** (B, C, H/f, W/f) noise; stays the caller's. */
  readonly latents: Tensor;
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DenoiseStep {
  /** Counted from 1. */
  readonly step: number;
  readonly total: number;
  readonly timestep: number;
  /** (B, C, H/f, W/f). Valid until the next step is asked for; those of the last step are the caller's to dispose. */
  readonly latents: Tensor;
}

/** What of a request concerns its texts. */
export type EncodePromptRequest = Pick<
  PixArtAlphaRequest,
  | "prompts"
  | "negativePrompts"
  | "numImagesPerPrompt"
  | "guidanceScale"
  | "maxSequenceLength"
  | "onWarning"
>;

/** The stages of a call to `PixArtAlphaPipeline`, in their order; each can be used by itself. */
export class PixArtAlphaStages implements PixArtAlphaComponents {
  readonly transformer: PixArtTransformer2DModel;
  readonly vae: AutoencoderKL;
  readonly textEncoder: T5EncoderModel;
  readonly tokenizer: T5Tokenizer;
  readonly scheduler: Scheduler;

  constructor(components: PixArtAlphaComponents) {
    this.transformer = components.transformer;
    this.vae = components.vae;
    this.textEncoder = components.textEncoder;
    this.tokenizer = components.tokenizer;
    this.scheduler = components.scheduler;
  }

  /** Pixels on a side of a latent pixel. */
  get vaeScaleFactor(): number {
    return 2 ** (this.vae.config.blockOutChannels.length - 1);
  }

  /** Everything that a call will use, with defaults filled in. Throws on the first value that can't be used. */
  checkInputs(
    prompt: string | readonly string[],
    options: PixArtAlphaOptions = {},
  ): PixArtAlphaRequest {
    const { sampleSize, patchSize, inChannels: latentChannels } = this.transformer.config;
    const { vaeScaleFactor } = this;
    return resolveRequest(prompt, options, {
      sampleSize,
      patchSize,
      latentChannels,
      vaeScaleFactor,
    });
  }

  /** Encodes prompts, and where `guidanceScale` asks for it what to lead away from; a row for each picture. */
  encodePrompt(request: EncodePromptRequest): EncodedPrompt {
    return torch.noGrad(() =>
      torch.tidy(() => ({
        positive: this.encodeTexts(request.prompts, request),
        negative:
          request.guidanceScale > 1
            ? this.encodeTexts(request.negativePrompts, request)
            : undefined,
      })),
    );
  }

  private encodeTexts(texts: readonly string[], request: EncodePromptRequest): EncodedText {
    const { numImagesPerPrompt, maxSequenceLength, onWarning } = request;
    const tokens = this.tokenizer.encode(texts.map(prepareCaption), {
      maxLength: maxSequenceLength,
      padding: "max",
      truncation: true,
    });
    for (const { dropped } of tokens.truncated) {
      onWarning(
        `The prompt is longer than ${maxSequenceLength} tokens. This part was left out: ${dropped}`,
      );
    }
    const { device } = this.textEncoder;
    const inputIds = torch.fromTypedArray(tokens.inputIds, tokens.shape, { device });
    const attentionMask = torch.fromTypedArray(tokens.attentionMask, tokens.shape, { device });
    const { device: target, dtype } = this.transformer;
    return {
      hiddenStates: this.textEncoder
        .call(inputIds, { attentionMask })
        .to({ device: target, dtype })
        .repeatInterleave(numImagesPerPrompt, 0),
      attentionMask: attentionMask.to({ device: target }).repeatInterleave(numImagesPerPrompt, 0),
    };
  }

  /** The noise to begin with, (B, C, H/f, W/f): the numbers that PyTorch draws on the CPU, in the transformer's dtype. */
  prepareLatents({ noise, latentShape }: PixArtAlphaRequest): Tensor {
    const { device, dtype } = this.transformer;
    const [count = 0, ...shape] = latentShape;
    return torch.tidy(() => {
      const draw = (generator: torch.Generator, rows: number): Tensor =>
        torch.randn([rows, ...shape], { generator, dtype });
      const drawn =
        noise instanceof Tensor
          ? noise
          : noise instanceof torch.Generator
            ? draw(noise, count)
            : torch.cat(noise.map((generator) => draw(generator, 1)));
      return drawn.to({ device, dtype }).mul(this.scheduler.initNoiseSigma);
    });
  }

  /** Denoises step by step, leaving the event loop free between steps. An aborted `signal` ends it with its reason. */
  async *denoise(options: DenoiseOptions): AsyncGenerator<DenoiseStep, void, void> {
    const { prompt, latents, numInferenceSteps, guidanceScale, signal } = options;
    using scheduler = this.scheduler.clone();
    using scope = torch.scope("denoise");
    scheduler.setTimesteps(numInferenceSteps);
    const predict = scope.run(() => this.predictor(prompt, latents, guidanceScale));
    const total = scheduler.timesteps.length;
    let current = latents;
    let isHandedOver = false;
    try {
      for (const [index, timestep] of scheduler.timesteps.entries()) {
        signal?.throwIfAborted();
        const next = torch.noGrad(() =>
          torch.tidy(() => {
            const input = scheduler.scaleModelInput(current, timestep);
            return scheduler.step(predict(input, timestep), timestep, current).prevSample;
          }),
        );
        if (current !== latents) current.dispose();
        current = next;
        isHandedOver = index === total - 1;
        yield { step: index + 1, total, timestep, latents: current };
        await setImmediate();
      }
    } finally {
      if (!isHandedOver && current !== latents) current.dispose();
    }
  }

  /** Predicts the noise in (B, C, H/f, W/f) latents at a timestep, guided where there is a negative prompt. */
  private predictor(
    { positive, negative }: EncodedPrompt,
    latents: Tensor,
    guidanceScale: number,
  ): (input: Tensor, timestep: number) => Tensor {
    // Both halves go through the model as one batch, the negative one first.
    const texts = negative === undefined ? [positive] : [negative, positive];
    const encoderHiddenStates = torch.cat(texts.map(({ hiddenStates }) => hiddenStates));
    const encoderAttentionMask = torch.cat(texts.map(({ attentionMask }) => attentionMask));
    const rows = latents.size(0) * texts.length;
    const addedCondKwargs = this.addedConditions(latents, rows);
    const { device } = latents;
    return (input, timestep) => {
      const output = this.transformer.call(torch.cat(texts.map(() => input)), {
        encoderHiddenStates,
        encoderAttentionMask,
        timestep: torch.full([rows], timestep, { dtype: "int64", device }),
        addedCondKwargs,
      });
      // Channels beyond the latents' own predict the variance, which samplers don't use.
      const prediction = output.narrow(1, 0, input.size(1));
      if (negative === undefined) return prediction;
      const [away, towards] = chunk(prediction, 2, 0);
      return away.add(towards.sub(away).mul(guidanceScale));
    };
  }

  /** Size and aspect ratio in pixels, for the transformers that are told them. */
  private addedConditions(latents: Tensor, rows: number): AddedConditions | undefined {
    if (!pixArtDimensions(this.transformer.config).usesAdditionalConditions) return undefined;
    const { device, dtype } = latents;
    const height = latents.size(2) * this.vaeScaleFactor;
    const width = latents.size(3) * this.vaeScaleFactor;
    return {
      resolution: torch.tensor([[height, width]], { device, dtype }).repeat([rows, 1]),
      aspectRatio: torch.tensor([[height / width]], { device, dtype }).repeat([rows, 1]),
    };
  }

  /** Latents (B, C, H/f, W/f) → pictures (B, 3, H, W) in [0, 1], resized and cropped where a size is given. */
  decode(latents: Tensor, size?: PictureSize): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        const { device, dtype, config } = this.vae;
        const pictures = this.vae.decode(latents.to({ device, dtype }).div(config.scalingFactor));
        const fitted = size === undefined ? pictures : resizeAndCrop(pictures, size);
        return fitted.float().mul(0.5).add(0.5).clamp({ min: 0, max: 1 });
      }),
    );
  }
}
