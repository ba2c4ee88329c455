import { inspect } from "node:util";
import { expected, InvalidValueError } from "../errors/index.ts";
import {
  type AutoencoderKL,
  type AutoencoderTiny,
  type PixArtControlNetAdapterModel,
  PixArtControlNetTransformerModel,
  type PixArtTransformer2DModel,
} from "../models/index.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { disposable } from "./checks/disposable.ts";
import { requireFinite } from "./checks/finite.ts";
import { type DenoiseOptions, denoise } from "./denoise.ts";
import { imagesFromTensor, toUnitRange } from "./generated-image.ts";
import { generationRecords, type WeightsSource } from "./generation-record.ts";
import { checkGuidedSteps } from "./guidance.ts";
import { pictureLatents, prepareLatents, type StartLatents } from "./latents.ts";
import {
  describePipeline,
  type PipelineKind,
  type PixArtAlphaComponents,
  savePipeline,
} from "./pixart-alpha-components.ts";
import type {
  DenoiseStep,
  PixArtAlphaCallOptions,
  PixArtAlphaOptions,
  PixArtAlphaOutput,
  PixArtAlphaOutputs,
} from "./pixart-alpha-options.ts";
import { type PixArtAlphaRequest, resolveRequest } from "./pixart-alpha-request.ts";
import { planSteps, timestepsToSkip } from "./plan-steps.ts";
import { disposeText } from "./prompts/encoded-text.ts";
import {
  type EncodedPrompt,
  type EncodePromptRequest,
  encodePrompt,
  PromptEncoder,
  preparation,
  type TextEncoder,
} from "./prompts/prompt-encoder.ts";
import type { PromptPack } from "./prompts/prompt-pack.ts";
import { SAMPLING_DEFAULTS, type SamplingDefaults } from "./sampling-defaults.ts";
import { type PictureSize, resizeAndCrop } from "./sizes/resolution-bins.ts";
import { weightsRecord } from "./weights-record.ts";

// Shapes: B pictures, C latent channels, H and W picture size in pixels, f pixels on a side of a latent pixel.

/**
 * Turns prompts into pictures. Down to `decode`, the methods stand in the order in which `generate` calls them; each can be used
 * by itself. Made by `PixArtAlphaPipeline` and `PixArtSigmaPipeline`, which make it callable.
 */
export class PixArtAlpha implements PixArtAlphaComponents {
  readonly kind: PipelineKind;
  /** Undefined if the transformer did not come from files. */
  readonly source: WeightsSource | undefined;
  readonly transformer: PixArtTransformer2DModel;
  /** The transformer with its controlnet, if there is one. */
  readonly controlled: PixArtControlNetTransformerModel | undefined;
  readonly vae: AutoencoderKL | AutoencoderTiny;
  readonly tokenizer: T5Tokenizer;
  /** May be replaced between calls. */
  scheduler: Scheduler;
  /** May be replaced between calls. Set by the folder or the run that the pipeline came from. */
  defaults: SamplingDefaults = SAMPLING_DEFAULTS;
  private readonly promptEncoder: PromptEncoder;

  /** Throws if the controlnet does not fit the transformer. */
  constructor(components: PixArtAlphaComponents, kind: PipelineKind, source?: WeightsSource) {
    const { transformer, controlnet, vae, textEncoder, tokenizer, scheduler } = components;
    this.kind = kind;
    this.source = source;
    this.transformer = transformer;
    this.controlled = controlnet && new PixArtControlNetTransformerModel(transformer, controlnet);
    this.vae = vae;
    this.tokenizer = tokenizer;
    this.scheduler = scheduler;
    this.promptEncoder = new PromptEncoder(tokenizer, textEncoder);
  }

  get textEncoder(): TextEncoder {
    return this.promptEncoder.encoder;
  }

  get controlnet(): PixArtControlNetAdapterModel | undefined {
    return this.controlled?.controlnet;
  }

  /** Longest prompt, in tokens, that the transformer was trained with. */
  get maxSequenceLength(): number {
    return this.kind.maxSequenceLength;
  }

  /** Pixels on a side of a latent pixel. */
  get vaeScaleFactor(): number {
    return 2 ** (this.vae.config.blockOutChannels.length - 1);
  }

  /**
   * Turns prompts into pictures, as calling the pipeline does. Tensors of the `outputType`s "float" and "latent" are the
   * caller's to dispose; those given as options remain the caller's and are not changed.
   * @param prompt one or several; null if `promptEmbeds` are given
   * @throws InvalidValueError or InvalidTypeError for arguments that can't be used, before the first step
   * @throws NonFiniteError if a model gives NaN or an infinity
   * @throws TorchError if an operator or an allocation fails
   * @throws the reason of `signal`, once that is aborted
   */
  async generate<T extends keyof PixArtAlphaOutputs = "image">(
    prompt: string | readonly string[] | null,
    options: PixArtAlphaCallOptions<T> = {},
  ): Promise<PixArtAlphaOutput<T>> {
    const request = this.checkInputs(prompt, options);
    request.signal?.throwIfAborted();
    const latents = await this.sample(request, options.onStep);
    const images = await this.render(latents, request, options.outputType ?? "image");
    return { images: images as PixArtAlphaOutputs[T] };
  }

  /** All values that a call will use, with defaults filled in. Throws on the first one that can't be used. */
  checkInputs(
    prompt: string | readonly string[] | null,
    options: PixArtAlphaOptions = {},
  ): PixArtAlphaRequest {
    const { sampleSize, patchSize, inChannels, captionChannels } = this.transformer.config;
    const { vaeScaleFactor, maxSequenceLength, controlnet, scheduler } = this;
    const call = resolveRequest(prompt, options, {
      sampleSize,
      patchSize,
      latentChannels: inChannels,
      captionChannels,
      vaeScaleFactor,
      maxSequenceLength,
      hasControlNet: controlnet !== undefined,
      defaults: this.defaults,
      stepsThrough: (sigmas) => {
        using planned = planSteps(scheduler, { numInferenceSteps: 0, sigmas });
        return planned.timesteps.length;
      },
    });
    // Throws for steps that the sampler can't take, before anything is computed.
    using planned = planSteps(scheduler, call);
    if (call.tgate !== undefined && planned.order > 1) {
      const { samplerName } = planned;
      throw expected("a sampler with one call of the model per step", "tgate", samplerName);
    }
    const { start, numInferenceSteps } = call;
    const skippedTimesteps =
      start === undefined ? 0 : timestepsToSkip(planned, numInferenceSteps, start.strength);
    checkGuidedSteps(call, planned.timesteps.length - skippedTimesteps);
    if (call.controlImages !== undefined) this.checkControlNet();
    return { ...call, scheduler, skippedTimesteps };
  }

  private checkControlNet(): void {
    const [wanted, found] = [this.transformer, this.controlnet].map(
      (model) => model && `${model.dtype} on ${model.device}`,
    );
    if (found === wanted) return;
    throw expected(`the transformer's dtype and device, ${wanted},`, "controlnet", found);
  }

  /** Text states, latents and the denoising loop. The final latents are the caller's. */
  private async sample(
    request: PixArtAlphaRequest,
    onStep: PixArtAlphaCallOptions<"image">["onStep"],
  ): Promise<Tensor> {
    using prompt = disposable(await this.encodePrompt(request), disposePrompt);
    using start = disposable(await this.prepareLatents(request), disposeStart);
    using control = disposable(await this.prepareControl(request), (latents) => latents?.dispose());
    let latents: Tensor | undefined;
    try {
      const steps = this.denoise({
        ...request,
        prompt: prompt.value,
        start: start.value,
        control: control.value,
      });
      for await (const step of steps) {
        latents = step.latents;
        await onStep?.(step);
      }
    } catch (error) {
      latents?.dispose();
      throw error;
    }
    if (latents === undefined) throw new InvalidValueError("Expected at least one denoising step");
    return latents;
  }

  /**
   * Encodes prompts and, if `guidanceScale` requires it, what to guide away from. One row per picture, all of one length, on the
   * transformer's device and in its dtype. The tensors are the caller's.
   */
  encodePrompt(request: EncodePromptRequest): Promise<EncodedPrompt> {
    const { device, dtype } = this.transformer;
    return encodePrompt(this.promptEncoder, request, { device, dtype });
  }

  /** The latents to start from: noise, as PyTorch draws it on the CPU, or pictures with noise. The tensors are the caller's. */
  async prepareLatents(request: PixArtAlphaRequest): Promise<StartLatents> {
    using scheduler = planSteps(request.scheduler, request);
    scheduler.setBeginIndex(request.skippedTimesteps);
    const { vae, vaeScaleFactor, transformer } = this;
    const { device, dtype } = transformer;
    return await prepareLatents(request, { vae, vaeScaleFactor, scheduler, device, dtype });
  }

  /**
   * Latents (B, C, H/f, W/f) of the control pictures, which are the caller's; undefined without any. Their noise is drawn after
   * that of `prepareLatents`, which is therefore the same with and without them.
   */
  async prepareControl(request: PixArtAlphaRequest): Promise<Tensor | undefined> {
    const { controlImages } = request;
    if (controlImages === undefined) return undefined;
    const { vae, transformer } = this;
    const { device, dtype } = transformer;
    return pictureLatents(controlImages, request, { vae, device, dtype });
  }

  /** Denoises step by step, yielding to the event loop between steps. Throws the reason of an aborted `signal`. */
  denoise(options: DenoiseOptions): AsyncGenerator<DenoiseStep, void, void> {
    return denoise(this, options);
  }

  /** Turns the final latents into what the call returns. */
  private async render(
    latents: Tensor,
    request: PixArtAlphaRequest,
    outputType: keyof PixArtAlphaOutputs,
  ): Promise<PixArtAlphaOutputs[keyof PixArtAlphaOutputs]> {
    if (outputType === "latent") return latents;
    using finished = latents;
    if (outputType === "float") return this.decode(finished, request.outputSize);
    const records = await generationRecords(request, request.scheduler.samplerName, () =>
      weightsRecord(this, request.onWarning),
    );
    return torch.tidy(() => imagesFromTensor(this.decode(finished, request.outputSize), records));
  }

  /**
   * Latents (B, C, H/f, W/f) → pictures (B, 3, H, W) in [0, 1], resized and cropped if a size is given. Falls back to float32 if
   * the autoencoder's activations overflow float16.
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

  /** Encodes prompts, and "" for guidance, into a pack that draws pictures without a text encoder. */
  async packPrompts(
    prompts: readonly string[],
    options: Pick<PixArtAlphaOptions, "cleanCaption" | "maxSequenceLength" | "onWarning"> = {},
  ): Promise<PromptPack> {
    const { texts, onWarning } = this.checkInputs([...prompts, ""], options);
    const { maxSequenceLength } = texts;
    const prepared = [...prompts, ""].map(preparation(texts));
    return this.promptEncoder.pack(prepared, { maxSequenceLength, onWarning });
  }

  /**
   * Writes the whole pipeline as diffusers' `save_pretrained` does, its index last. A controlnet goes into `controlnet` but not
   * into the index, because diffusers' PixArt pipelines have none.
   */
  savePretrained(folder: string): Promise<void> {
    return savePipeline(folder, this, this.kind, this.defaults);
  }

  /** What `console.log` shows: the components and the limits. */
  [inspect.custom](): string {
    return describePipeline(this, this.kind, this.source);
  }

  /** Frees the memory of all models. The pipeline can't be used afterwards. */
  dispose(): void {
    this.transformer.dispose();
    this.controlnet?.dispose();
    this.vae.dispose();
    this.promptEncoder.dispose();
  }
}

/** Makes a pipeline that can be called like a function. */
export function createPipeline(
  components: PixArtAlphaComponents,
  kind: PipelineKind,
  source?: WeightsSource,
): PixArtAlphaPipeline {
  // The function is the pipeline, so that assigning to it, such as another sampler, affects its calls.
  const call: PixArtAlpha["generate"] = (prompt, options) => pipe.generate(prompt, options);
  const stages = new PixArtAlpha(components, kind, source);
  const pipe: PixArtAlphaPipeline = Object.setPrototypeOf(call, stages);
  return pipe;
}

/** Turns prompts into pictures: `const { images } = await pipe("a fox", { numInferenceSteps: 20 })`. */
export type PixArtAlphaPipeline = PixArtAlpha & PixArtAlpha["generate"];

function disposePrompt({ positive, negative }: EncodedPrompt): void {
  disposeText(positive);
  if (negative !== undefined) disposeText(negative);
}

function disposeStart({ latents, kept }: StartLatents): void {
  latents.dispose();
  kept?.dispose();
}
