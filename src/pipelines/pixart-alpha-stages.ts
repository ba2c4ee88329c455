import { setImmediate } from "node:timers/promises";
import {
  type AutoencoderKL,
  type AutoencoderTiny,
  type PixArtControlNetAdapterModel,
  PixArtControlNetTransformerModel,
  type PixArtTransformer2DModel,
} from "../models/index.ts";
import { AttentionCache } from "../models/pixart/attention-cache.ts";
import type { NoiseSource, Scheduler } from "../schedulers/index.ts";
import type { T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { expected } from "./checks/expected.ts";
import { requireFinite } from "./checks/finite.ts";
import { toUnitRange } from "./generated-image.ts";
import { type GuidanceBranches, noisePredictor } from "./noise-predictor.ts";
import { noiseOf, pictureLatents } from "./picture-latents.ts";
import {
  type PixArtAlphaOptions,
  type PixArtAlphaRequest,
  resolveRequest,
} from "./pixart-alpha-request.ts";
import {
  type EncodedPrompt,
  type EncodePromptRequest,
  encodePrompt,
  preparation,
} from "./prompt-encoding.ts";
import type { PromptPack } from "./prompts/prompt-pack.ts";
import { type TextEncoder, TextEncoding } from "./prompts/text-encoding.ts";
import { type PictureSize, resizeAndCrop } from "./sizes/resolution-bins.ts";
import { type Kept, startFromPictures } from "./start-latents.ts";
import { checkGuidedSteps, type StepGuidance } from "./step-guidance.ts";

// Shapes: B pictures, L caption tokens, D width of the text encoder's states, C latent channels, H and W picture
// size in pixels, f pixels on a side of a latent pixel.

/** What a pipeline is made of. */
export interface PixArtAlphaComponents {
  readonly transformer: PixArtTransformer2DModel;
  /** Lets pictures follow a `controlImage` (PixArt-δ, arXiv 2401.05252 section 4). */
  readonly controlnet?: PixArtControlNetAdapterModel | undefined;
  /** Either that diffusers' pipelines take; what trains and publishes has an {@link AutoencoderKL}. */
  readonly vae: AutoencoderKL | AutoencoderTiny;
  /** Null where prompts come encoded. */
  readonly textEncoder: TextEncoder;
  readonly tokenizer: T5Tokenizer;
  readonly scheduler: Scheduler;
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

export interface DenoiseOptions extends StepGuidance {
  readonly prompt: EncodedPrompt;
  /** Stays the caller's. */
  readonly start: StartLatents;
  /** (B, C, H/f, W/f): what the pictures follow. Stays the caller's. */
  readonly control?: Tensor | undefined;
  readonly numInferenceSteps: number;
  readonly timesteps?: readonly number[] | undefined;
  readonly sigmas?: readonly number[] | undefined;
  readonly guidanceScale: number;
  readonly eta: number;
  /** Where two processes predict together; both make the same call. */
  readonly branches?: GuidanceBranches | undefined;
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
  /** (B, C, H/f, W/f): what the model takes for the picture at this step, without noise. Valid until the next step is asked for. */
  readonly original: Tensor;
}

/** The stages of a call to `PixArtAlphaPipeline`, in their order; each can be used by itself. */
export class PixArtAlphaStages {
  readonly transformer: PixArtTransformer2DModel;
  /** The transformer with its controlnet, where there is one. */
  readonly controlled: PixArtControlNetTransformerModel | undefined;
  readonly vae: AutoencoderKL | AutoencoderTiny;
  readonly tokenizer: T5Tokenizer;
  /** May be replaced by another between calls. */
  scheduler: Scheduler;
  /** Longest prompt in tokens that the transformer was trained with. */
  readonly maxSequenceLength: number;
  protected readonly texts: TextEncoding;

  /** Throws where the controlnet does not fit the transformer. */
  constructor(components: PixArtAlphaComponents, maxSequenceLength: number) {
    const { transformer, controlnet } = components;
    this.transformer = transformer;
    this.controlled = controlnet && new PixArtControlNetTransformerModel(transformer, controlnet);
    this.vae = components.vae;
    this.tokenizer = components.tokenizer;
    this.scheduler = components.scheduler;
    this.maxSequenceLength = maxSequenceLength;
    this.texts = new TextEncoding(components.tokenizer, components.textEncoder);
  }

  get textEncoder(): TextEncoder {
    return this.texts.encoder;
  }

  get controlnet(): PixArtControlNetAdapterModel | undefined {
    return this.controlled?.controlnet;
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
    const { vaeScaleFactor, maxSequenceLength, controlnet } = this;
    const request = resolveRequest(prompt, options, {
      sampleSize,
      patchSize,
      latentChannels,
      vaeScaleFactor,
      maxSequenceLength,
      hasControlNet: controlnet !== undefined,
      stepsThrough: (sigmas) => {
        using planned = this.plan({ numInferenceSteps: 0, sigmas });
        return planned.timesteps.length;
      },
    });
    using planned = this.plan(request); // throws for steps that the sampler cannot take, before anything is computed
    if (request.tgate !== undefined && planned.order > 1) {
      const { samplerName } = planned;
      throw expected("a sampler with one call of the model a step", "tgate", samplerName);
    }
    if (request.start === undefined) checkGuidedSteps(request, planned.timesteps.length);
    if (request.controlImages !== undefined) this.checkControlNet();
    return request;
  }

  private checkControlNet(): void {
    const [wanted, found] = [this.transformer, this.controlnet].map(
      (model) => model && `${model.dtype} on ${model.device}`,
    );
    if (found === wanted) return;
    throw expected(`the transformer's dtype and device, ${wanted},`, "controlnet", found);
  }

  /**
   * Encodes prompts, and where `guidanceScale` asks for it what to lead away from; a row for each picture, all of one
   * length, on the transformer's device and in its dtype. The tensors are the caller's.
   */
  encodePrompt(request: EncodePromptRequest): Promise<EncodedPrompt> {
    const { device, dtype } = this.transformer;
    return encodePrompt(this.texts, request, { device, dtype });
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

  /**
   * Latents (B, C, H/f, W/f) of what the pictures follow, which are the caller's; undefined where they follow nothing. What
   * is drawn for them comes after the noise of `prepareLatents`, which is the same with them and without.
   */
  async prepareControl(request: PixArtAlphaRequest): Promise<Tensor | undefined> {
    const { controlImages } = request;
    if (controlImages === undefined) return undefined;
    const { device, dtype } = this.transformer;
    return pictureLatents(controlImages, request, { vae: this.vae, device, dtype });
  }

  /** A sampler of its own for one call, with its timesteps set. */
  private plan({
    numInferenceSteps,
    timesteps,
    sigmas,
  }: Pick<DenoiseOptions, "numInferenceSteps" | "timesteps" | "sigmas">): Scheduler {
    const scheduler = this.scheduler.clone();
    if (timesteps !== undefined) scheduler.setTimesteps({ timesteps });
    else scheduler.setTimesteps(sigmas === undefined ? numInferenceSteps : { sigmas });
    return scheduler;
  }

  /** Denoises step by step, leaving the event loop free between steps. An aborted `signal` ends it with its reason. */
  async *denoise(options: DenoiseOptions): AsyncGenerator<DenoiseStep, void, void> {
    const { prompt, start, control, guidanceScale, branches, eta, generator, signal } = options;
    const { latents } = start;
    using scheduler = this.plan(options);
    using scope = torch.scope("denoise");
    using attentionCache = new AttentionCache();
    const { guidanceInterval, tgate } = options;
    const guidance = { guidanceScale, scheduler, branches, guidanceInterval, tgate };
    const predict = scope.run(() =>
      noisePredictor(this, { prompt, latents, control }, guidance, attentionCache),
    );
    const timesteps = scheduler.timesteps.slice(start.skippedSteps);
    const total = timesteps.length;
    checkGuidedSteps(options, total);
    let current = latents;
    let isHandedOver = false;
    try {
      for (const [index, timestep] of timesteps.entries()) {
        signal?.throwIfAborted();
        const [next, original] = torch.noGrad(() =>
          torch.tidy(() => {
            const input = scheduler.scaleModelInput(current, timestep);
            const { prevSample, predOriginalSample } = scheduler.step(
              predict(input, timestep, { step: index, total }),
              timestep,
              current,
              { generator, eta },
            );
            // One step leads straight to what the model takes for the picture, as in one-step distilled models.
            const isOneStep = scheduler.timesteps.length === 1 && scheduler.endsAtOriginal;
            const stepped = isOneStep ? predOriginalSample : prevSample;
            const result = start.kept?.restore(stepped, scheduler, timesteps[index + 1]) ?? stepped;
            requireFinite(result, "The transformer", `at step ${index + 1} of ${total}`);
            // A handle of its own: the result may be this very tensor, and outlives the step.
            return [result, predOriginalSample.detach()] as const;
          }),
        );
        if (current !== latents) current.dispose();
        current = next;
        isHandedOver = index === total - 1;
        using clean = original;
        yield { step: index + 1, total, timestep, latents: current, original: clean };
        await setImmediate();
      }
    } finally {
      if (!isHandedOver && current !== latents) current.dispose();
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
          return toUnitRange(fitted);
        }),
      ),
    );
  }
}
