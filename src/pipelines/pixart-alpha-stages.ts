import { setImmediate } from "node:timers/promises";
import type { AutoencoderKL, PixArtTransformer2DModel } from "../models/index.ts";
import type { NoiseSource, Scheduler } from "../schedulers/index.ts";
import { cleanCaption, prepareCaption, type T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { requireFinite } from "./finite.ts";
import { noisePredictor } from "./noise-predictor.ts";
import { noiseOf } from "./picture-latents.ts";
import {
  type PixArtAlphaOptions,
  type PixArtAlphaRequest,
  resolveRequest,
} from "./pixart-alpha-request.ts";
import type { PromptPack } from "./prompt-pack.ts";
import { isEncoded, type RequestTexts, type TextSource } from "./request-texts.ts";
import { type PictureSize, resizeAndCrop } from "./resolution-bins.ts";
import { type Kept, startFromPictures } from "./start-latents.ts";
import {
  disposeText,
  type EncodedText,
  padText,
  type TextEncoder,
  TextEncoding,
} from "./text-encoding.ts";

// Shapes: B pictures, L caption tokens, D width of the text encoder's states, C latent channels, H and W picture
// size in pixels, f pixels on a side of a latent pixel.

/** What a pipeline is made of. */
export interface PixArtAlphaComponents {
  readonly transformer: PixArtTransformer2DModel;
  readonly vae: AutoencoderKL;
  /** Null where prompts come encoded. */
  readonly textEncoder: TextEncoder;
  readonly tokenizer: T5Tokenizer;
  readonly scheduler: Scheduler;
}

/** Encoded texts, a row for each picture. */
export interface EncodedPrompt {
  readonly positive: EncodedText;
  /** What guidance leads away from; no guidance where undefined. */
  readonly negative: EncodedText | undefined;
}

/** What a call's denoising begins from. */
export interface StartLatents {
  /** (B, C, H/f, W/f) */
  readonly latents: Tensor;
  /** How many of the sampler's first timesteps are passed over because a picture's noise begins later. */
  readonly skippedSteps: number;
  /** Inpainting: what stays. */
  readonly kept: Kept | undefined;
}

export interface DenoiseOptions {
  readonly prompt: EncodedPrompt;
  /** Stays the caller's. */
  readonly start: StartLatents;
  readonly numInferenceSteps: number;
  readonly timesteps?: readonly number[] | undefined;
  readonly guidanceScale: number;
  readonly eta: number;
  /** For samplers that add noise. */
  readonly generator: NoiseSource;
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

/** Prompts as they are encoded. Cleaned twice, as diffusers does: the second time finds what the first uncovered. */
const preparation = ({ cleanCaption: cleans }: RequestTexts): ((text: string) => string) =>
  cleans ? (text) => cleanCaption(cleanCaption(text)) : prepareCaption;

/** What of a request concerns its texts. */
export type EncodePromptRequest = Pick<
  PixArtAlphaRequest,
  "texts" | "numImagesPerPrompt" | "guidanceScale" | "onWarning"
>;

/** The stages of a call to `PixArtAlphaPipeline`, in their order; each can be used by itself. */
export class PixArtAlphaStages {
  readonly transformer: PixArtTransformer2DModel;
  readonly vae: AutoencoderKL;
  readonly tokenizer: T5Tokenizer;
  /** May be replaced by another between calls. */
  scheduler: Scheduler;
  /** Longest prompt in tokens that the transformer was trained with. */
  readonly maxSequenceLength: number;
  protected readonly texts: TextEncoding;

  constructor(components: PixArtAlphaComponents, maxSequenceLength: number) {
    this.transformer = components.transformer;
    this.vae = components.vae;
    this.tokenizer = components.tokenizer;
    this.scheduler = components.scheduler;
    this.maxSequenceLength = maxSequenceLength;
    this.texts = new TextEncoding(components.tokenizer, components.textEncoder);
  }

  get textEncoder(): TextEncoder {
    return this.texts.encoder;
  }

  /** Pixels on a side of a latent pixel. */
  get vaeScaleFactor(): number {
    return 2 ** (this.vae.config.blockOutChannels.length - 1);
  }

  /** Everything that a call will use, with defaults filled in. Throws on the first value that can't be used. */
  checkInputs(
    prompt: string | readonly string[] | null,
    options: PixArtAlphaOptions = {},
  ): PixArtAlphaRequest {
    const { sampleSize, patchSize, inChannels: latentChannels } = this.transformer.config;
    const { vaeScaleFactor, maxSequenceLength } = this;
    return resolveRequest(prompt, options, {
      sampleSize,
      patchSize,
      latentChannels,
      vaeScaleFactor,
      maxSequenceLength,
    });
  }

  /**
   * Encodes prompts, and where `guidanceScale` asks for it what to lead away from; a row for each picture, all of one
   * length, on the transformer's device and in its dtype. The tensors are the caller's.
   */
  async encodePrompt(request: EncodePromptRequest): Promise<EncodedPrompt> {
    const { texts, guidanceScale } = request;
    const made: EncodedText[] = [];
    const encode = async (source: TextSource): Promise<EncodedText> => {
      if (isEncoded(source)) return source;
      const text = await this.encodeTexts(source, request);
      made.push(text);
      return text;
    };
    try {
      const positive = await encode(texts.positive);
      const negative = guidanceScale > 1 ? await encode(texts.negative) : undefined;
      return torch.noGrad(() =>
        torch.tidy(() => {
          const lengths = [positive, negative].map((text) => text?.hiddenStates.size(1) ?? 0);
          const rows = (text: EncodedText): EncodedText =>
            this.toRows(text, Math.max(...lengths), request);
          return { positive: rows(positive), negative: negative && rows(negative) };
        }),
      );
    } finally {
      for (const text of made) disposeText(text);
    }
  }

  private encodeTexts(
    prompts: readonly string[],
    { texts, onWarning }: EncodePromptRequest,
  ): Promise<EncodedText> {
    const { maxSequenceLength } = texts;
    return this.texts.encode(prompts.map(preparation(texts)), { maxSequenceLength, onWarning });
  }

  /** Prompts, and "" for guidance, as a pack that draws pictures without a text encoder. */
  async packPrompts(
    prompts: readonly string[],
    options: Pick<PixArtAlphaOptions, "cleanCaption" | "maxSequenceLength" | "onWarning"> = {},
  ): Promise<PromptPack> {
    const { texts, onWarning } = this.checkInputs([...prompts, ""], options);
    const { maxSequenceLength } = texts;
    const prepared = [...prompts, ""].map(preparation(texts));
    return this.texts.pack(prepared, { maxSequenceLength, onWarning });
  }

  /** A row for each picture of each prompt; a single negative text serves all. */
  private toRows(
    text: EncodedText,
    length: number,
    { texts, numImagesPerPrompt }: EncodePromptRequest,
  ): EncodedText {
    const { device, dtype } = this.transformer;
    const padded = padText(text, length);
    const rows = text.hiddenStates.size(0);
    const times = rows === texts.count ? numImagesPerPrompt : texts.count * numImagesPerPrompt;
    return {
      hiddenStates: padded.hiddenStates.to({ device, dtype }).repeatInterleave(times, 0),
      attentionMask: padded.attentionMask.to({ device }).repeatInterleave(times, 0),
    };
  }

  /** What to begin with: noise, as PyTorch draws it on the CPU, or pictures with noise. The tensors are the caller's. */
  async prepareLatents(request: PixArtAlphaRequest): Promise<StartLatents> {
    using scheduler = this.plan(request);
    const { device, dtype } = this.transformer;
    if (request.start !== undefined) {
      return startFromPictures(request.start, request, {
        vae: this.vae,
        vaeScaleFactor: this.vaeScaleFactor,
        scheduler,
        device,
        dtype,
      });
    }
    const latents = torch.tidy(() =>
      (request.latents ?? noiseOf(request.generator, request.latentShape, dtype))
        .to({ device, dtype })
        .mul(scheduler.initNoiseSigma),
    );
    return { latents, skippedSteps: 0, kept: undefined };
  }

  /** A sampler of its own for one call, with its timesteps set. */
  private plan({
    numInferenceSteps,
    timesteps,
  }: Pick<DenoiseOptions, "numInferenceSteps" | "timesteps">): Scheduler {
    const scheduler = this.scheduler.clone();
    scheduler.setTimesteps(timesteps === undefined ? numInferenceSteps : { timesteps });
    return scheduler;
  }

  /** Denoises step by step, leaving the event loop free between steps. An aborted `signal` ends it with its reason. */
  async *denoise(options: DenoiseOptions): AsyncGenerator<DenoiseStep, void, void> {
    const { prompt, start, guidanceScale, eta, generator, signal } = options;
    using scheduler = this.plan(options);
    using scope = torch.scope("denoise");
    const predict = scope.run(() =>
      noisePredictor(this, prompt, start.latents, { guidanceScale, scheduler }),
    );
    const timesteps = scheduler.timesteps.slice(start.skippedSteps);
    const total = timesteps.length;
    let current = start.latents;
    let isHandedOver = false;
    try {
      for (const [index, timestep] of timesteps.entries()) {
        signal?.throwIfAborted();
        const next = torch.noGrad(() =>
          torch.tidy(() => {
            const input = scheduler.scaleModelInput(current, timestep);
            const { prevSample, predOriginalSample } = scheduler.step(
              predict(input, timestep),
              timestep,
              current,
              { generator, eta },
            );
            // One step leads straight to what the model takes for the picture, as in one-step distilled models.
            const isOneStep = scheduler.timesteps.length === 1 && predOriginalSample !== undefined;
            const stepped = isOneStep ? predOriginalSample : prevSample;
            const result = start.kept?.restore(stepped, scheduler, timesteps[index + 1]) ?? stepped;
            requireFinite(result, "The transformer", `at step ${index + 1} of ${total}`);
            return result;
          }),
        );
        if (current !== start.latents) current.dispose();
        current = next;
        isHandedOver = index === total - 1;
        yield { step: index + 1, total, timestep, latents: current };
        await setImmediate();
      }
    } finally {
      if (!isHandedOver && current !== start.latents) current.dispose();
    }
  }

  /**
   * Latents (B, C, H/f, W/f) → pictures (B, 3, H, W) in [0, 1], resized and cropped where a size is given. In float32 where
   * the autoencoder's activations overflow its float16.
   */
  decode(latents: Tensor, size?: PictureSize): Tensor {
    const { vae } = this;
    return torch.noGrad(() =>
      vae.upcasted(() =>
        torch.tidy(() => {
          const { device, dtype } = vae;
          const pictures = vae.decode(vae.fromDiffusion(latents.to({ device, dtype })));
          requireFinite(pictures, "The autoencoder", "when it decoded");
          const fitted = size === undefined ? pictures : resizeAndCrop(pictures, size);
          return fitted.float().mul(0.5).add(0.5).clamp({ min: 0, max: 1 });
        }),
      ),
    );
  }
}
