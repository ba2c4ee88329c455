import { join } from "node:path";
import { inspect } from "node:util";
import { AutoencoderTiny } from "../models/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { disposable } from "./checks/disposable.ts";
import { describePipeline } from "./describe-pipeline.ts";
import { type GeneratedImage, imagesFromTensor } from "./generated-image.ts";
import { generationRecords } from "./generation-record.ts";
import { writeModelIndex } from "./model-index.ts";
import type { PixArtAlphaOptions, PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import {
  type DenoiseStep,
  type PixArtAlphaComponents,
  PixArtAlphaStages,
  type StartLatents,
} from "./pixart-alpha-stages.ts";
import type { EncodedPrompt } from "./prompt-encoding.ts";
import { PromptPack } from "./prompts/prompt-pack.ts";
import { StagedModel } from "./prompts/staged-model.ts";
import { disposeText } from "./prompts/text-encoding.ts";

/** What each `outputType` gives. */
export interface PixArtAlphaOutputs {
  /** Finished pictures. */
  readonly image: readonly GeneratedImage[];
  /** (B, 3, H, W) in [0, 1], not rounded to 8 bits. */
  readonly float: Tensor;
  /** (B, C, H/f, W/f) before decoding. */
  readonly latent: Tensor;
}

/** Options of a whole call. */
export interface PixArtAlphaCallOptions<T extends keyof PixArtAlphaOutputs>
  extends PixArtAlphaOptions {
  /** Default "image". */
  readonly outputType?: T;
  /** Told after every step; the call waits for it. */
  readonly onStep?: (step: DenoiseStep) => void | Promise<void>;
}

/** What a call gives, in the order of the prompts and, for each, of its pictures. */
export interface PixArtAlphaOutput<T extends keyof PixArtAlphaOutputs> {
  readonly images: PixArtAlphaOutputs[T];
}

/** The files that a transformer came from: a name for people, and a hash of the weights. */
export interface WeightsSource {
  readonly name: string;
  readonly hash: () => Promise<string>;
}

/** Weights by a name, whose hash is computed when it is first asked for. */
export function weightsSource(name: string, compute: () => Promise<string>): WeightsSource {
  let hash: Promise<string> | undefined;
  return {
    name,
    hash: () => {
      hash ??= compute();
      return hash;
    },
  };
}

/** What tells PixArt-α's pipeline and PixArt-Σ's apart. */
export interface PipelineKind {
  /** diffusers' name, which `model_index.json` holds. */
  readonly className: "PixArtAlphaPipeline" | "PixArtSigmaPipeline";
  /** Longest prompt in tokens that the transformer was trained with. */
  readonly maxSequenceLength: number;
}

/** A pipeline's stages and what they add up to. Made by `PixArtAlphaPipeline` and `PixArtSigmaPipeline`, which make it callable. */
export class PixArtAlpha extends PixArtAlphaStages {
  readonly kind: PipelineKind;
  /** Undefined where the transformer did not come from files. */
  readonly source: WeightsSource | undefined;

  constructor(components: PixArtAlphaComponents, kind: PipelineKind, source?: WeightsSource) {
    super(components, kind.maxSequenceLength);
    this.kind = kind;
    this.source = source;
  }

  /** All stages in a row: what calling the pipeline does. */
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

  /** Runs the denoising loop; the latents that it ends with are the caller's. */
  private async sample(
    request: PixArtAlphaRequest,
    onStep: PixArtAlphaCallOptions<"image">["onStep"],
  ): Promise<Tensor> {
    using prompt = disposable(await this.encodePrompt(request), disposePrompt);
    using start = disposable(await this.prepareLatents(request), disposeStart);
    using control = disposable(await this.prepareControl(request), (made) => made?.dispose());
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
    if (latents === undefined) throw new Error("Expected at least one denoising step");
    return latents;
  }

  private async render(
    latents: Tensor,
    request: PixArtAlphaRequest,
    outputType: keyof PixArtAlphaOutputs,
  ): Promise<PixArtAlphaOutputs[keyof PixArtAlphaOutputs]> {
    if (outputType === "latent") return latents;
    using finished = latents;
    if (outputType === "float") return this.decode(finished, request.outputSize);
    const { source } = this;
    const weights = source && { model: source.name, modelHash: await source.hash() };
    const records = generationRecords(request, this.scheduler.samplerName, weights);
    return torch.tidy(() => imagesFromTensor(this.decode(finished, request.outputSize), records));
  }

  /**
   * Writes the whole pipeline as diffusers' `save_pretrained` does, its index last. A controlnet is written beside it, into
   * `controlnet`; the index leaves it out, because diffusers' pipelines of PixArt have none.
   */
  async savePretrained(folder: string): Promise<void> {
    await this.scheduler.savePretrained(join(folder, "scheduler"));
    await this.tokenizer.savePretrained(join(folder, "tokenizer"));
    const hasEncoder = await this.saveTextEncoder(join(folder, "text_encoder"));
    await this.transformer.savePretrained(join(folder, "transformer"));
    await this.vae.savePretrained(join(folder, "vae"));
    await this.controlnet?.savePretrained(join(folder, "controlnet"));
    const isTiny = this.vae instanceof AutoencoderTiny;
    await writeModelIndex(folder, this.kind.className, {
      scheduler: ["diffusers", this.scheduler.className],
      text_encoder: hasEncoder ? ["transformers", "T5EncoderModel"] : [null, null],
      tokenizer: ["transformers", "T5Tokenizer"],
      transformer: ["diffusers", "PixArtTransformer2DModel"],
      vae: ["diffusers", isTiny ? "AutoencoderTiny" : "AutoencoderKL"],
    });
  }

  /** False where the pipeline has none. */
  private async saveTextEncoder(folder: string): Promise<boolean> {
    const { textEncoder } = this;
    if (textEncoder === null || textEncoder instanceof PromptPack) return false;
    const isStaged = textEncoder instanceof StagedModel;
    const model = isStaged ? await textEncoder.load() : textEncoder;
    try {
      await model.savePretrained(folder);
    } finally {
      if (isStaged) model.dispose();
    }
    return true;
  }

  /** What `console.log` shows: the parts, and what they take. */
  [inspect.custom](): string {
    return describePipeline(this);
  }

  /** Gives back the memory of all models; the pipeline cannot be used afterwards. */
  dispose(): void {
    this.transformer.dispose();
    this.controlnet?.dispose();
    this.vae.dispose();
    this.texts.dispose();
  }
}

/** Makes a pipeline that can be called like a function. */
export function createPipeline(
  components: PixArtAlphaComponents,
  kind: PipelineKind,
  source?: WeightsSource,
): PixArtAlphaPipeline {
  // The function is the pipeline, so that what is assigned to it, such as another sampler, holds for its calls.
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
