import { basename, join, resolve } from "node:path";
import type { PictureMetadata } from "../images/index.ts";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../models/index.ts";
import type { PretrainedOptions } from "../models/pretrained.ts";
import { DPMSolverMultistepScheduler } from "../schedulers/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { Tensor } from "../torch/index.ts";
import { type GeneratedImage, imagesFromTensor } from "./generated-image.ts";
import { checkModelIndex, writeModelIndex } from "./model-index.ts";
import type {
  NoiseSource,
  PixArtAlphaOptions,
  PixArtAlphaRequest,
} from "./pixart-alpha-request.ts";
import {
  type DenoiseStep,
  type PixArtAlphaComponents,
  PixArtAlphaStages,
} from "./pixart-alpha-stages.ts";
import { weightsHash } from "./weights-hash.ts";

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

/** A pipeline's stages and what they add up to. Made by `PixArtAlphaPipeline`, which makes it callable. */
export class PixArtAlpha extends PixArtAlphaStages {
  /** Undefined where the transformer did not come from files. */
  readonly source: WeightsSource | undefined;

  constructor(components: PixArtAlphaComponents, source?: WeightsSource) {
    super(components);
    this.source = source;
  }

  /** All stages in a row: what calling the pipeline does. */
  async generate<T extends keyof PixArtAlphaOutputs = "image">(
    prompt: string | readonly string[],
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
    using scope = torch.scope("PixArtAlphaPipeline");
    const prompt = scope.run(() => this.encodePrompt(request));
    let latents = scope.run(() => this.prepareLatents(request));
    try {
      for await (const step of this.denoise({ ...request, prompt, latents })) {
        latents = step.latents;
        await onStep?.(step);
      }
      return latents;
    } catch (error) {
      latents.dispose();
      throw error;
    }
  }

  private async render(
    latents: Tensor,
    request: PixArtAlphaRequest,
    outputType: keyof PixArtAlphaOutputs,
  ): Promise<PixArtAlphaOutputs[keyof PixArtAlphaOutputs]> {
    if (outputType === "latent") return latents;
    using finished = latents;
    if (outputType === "float") return this.decode(finished, request.outputSize);
    const metadata = await this.metadata(request);
    return torch.tidy(() => imagesFromTensor(this.decode(finished, request.outputSize), metadata));
  }

  /** How each picture of a request is made; undefined where its noise has no seed. */
  private async metadata(request: PixArtAlphaRequest): Promise<(PictureMetadata | undefined)[]> {
    const { prompts, negativePrompts, numImagesPerPrompt, noise } = request;
    const model = this.source && {
      model: this.source.name,
      modelHash: await this.source.hash(),
    };
    const count = prompts.length * numImagesPerPrompt;
    return Array.from({ length: count }, (_, index) => {
      const seed = seedOf(noise, index);
      if (seed === undefined) return undefined;
      const text = Math.floor(index / numImagesPerPrompt);
      // A picture from a generator that drew others before it can only be made together with them.
      const isShared = noise instanceof torch.Generator && count > 1;
      return {
        prompt: prompts[text] ?? "",
        negativePrompt: negativePrompts[text] ?? "",
        steps: request.numInferenceSteps,
        sampler: this.scheduler.className,
        guidanceScale: request.guidanceScale,
        seed,
        ...model,
        ...(isShared && { extra: { batchIndex: index, batchSize: count } }),
      };
    });
  }

  /** Writes the whole pipeline as diffusers' `save_pretrained` does, its index last. */
  async savePretrained(folder: string): Promise<void> {
    await this.scheduler.savePretrained(join(folder, "scheduler"));
    await this.tokenizer.savePretrained(join(folder, "tokenizer"));
    await this.textEncoder.savePretrained(join(folder, "text_encoder"));
    await this.transformer.savePretrained(join(folder, "transformer"));
    await this.vae.savePretrained(join(folder, "vae"));
    await writeModelIndex(folder, "PixArtAlphaPipeline", {
      scheduler: ["diffusers", this.scheduler.className],
      text_encoder: ["transformers", "T5EncoderModel"],
      tokenizer: ["transformers", "T5Tokenizer"],
      transformer: ["diffusers", "PixArtTransformer2DModel"],
      vae: ["diffusers", "AutoencoderKL"],
    });
  }

  /** Gives back the memory of all models; the pipeline cannot be used afterwards. */
  dispose(): void {
    for (const model of [this.transformer, this.vae, this.textEncoder]) model.dispose();
  }
}

function seedOf(noise: NoiseSource, index: number): number | undefined {
  if (noise instanceof Tensor) return undefined;
  const generator = noise instanceof torch.Generator ? noise : noise[index];
  const seed = Number(generator?.seed);
  return Number.isSafeInteger(seed) ? seed : undefined;
}

/** Turns prompts into pictures: `const { images } = await pipe("a fox", { numInferenceSteps: 20 })`. */
export type PixArtAlphaPipeline = PixArtAlpha & PixArtAlpha["generate"];

/** Components to use in place of a folder's own, and how to load the others. */
export interface PixArtAlphaPretrainedOptions
  extends Partial<PixArtAlphaComponents>,
    Omit<PretrainedOptions, "subfolder"> {}

/** The key of each component in the index and on disk, and the classes that may stand there. */
const components: Readonly<
  Record<keyof PixArtAlphaComponents, { readonly key: string; readonly classes: readonly string[] }>
> = {
  scheduler: { key: "scheduler", classes: ["DPMSolverMultistepScheduler"] },
  textEncoder: { key: "text_encoder", classes: ["T5EncoderModel"] },
  tokenizer: { key: "tokenizer", classes: ["T5Tokenizer", "T5TokenizerFast"] },
  transformer: { key: "transformer", classes: ["PixArtTransformer2DModel", "Transformer2DModel"] },
  vae: { key: "vae", classes: ["AutoencoderKL"] },
};

/** Makes pipelines that can be called like a function (diffusers `PixArtAlphaPipeline`; arXiv 2310.00426). */
export const PixArtAlphaPipeline = {
  /** A pipeline of given components. `source` tells pictures' metadata where the transformer is from. */
  create(components: PixArtAlphaComponents, source?: WeightsSource): PixArtAlphaPipeline {
    const stages = new PixArtAlpha(components, source);
    const pipe: PixArtAlpha["generate"] = (prompt, options) => stages.generate(prompt, options);
    return Object.setPrototypeOf(pipe, stages);
  },

  /**
   * Loads a folder that diffusers or {@link PixArtAlpha.savePretrained} wrote. Throws BadFileError where it is no
   * such pipeline or names classes that aren't known here.
   */
  async fromPretrained(
    folder: string,
    options: PixArtAlphaPretrainedOptions = {},
  ): Promise<PixArtAlphaPipeline> {
    const { variant } = options;
    const own = Object.entries(components)
      .filter(([name]) => !(name in options))
      .map(([, { key, classes }]) => [key, classes] as const);
    checkModelIndex(folder, ["PixArtAlphaPipeline"], Object.fromEntries(own));
    const from = (subfolder: string): PretrainedOptions => ({ ...options, subfolder });
    const scheduler =
      options.scheduler ??
      (await DPMSolverMultistepScheduler.fromPretrained(folder, { subfolder: "scheduler" }));
    const tokenizer =
      options.tokenizer ?? (await T5Tokenizer.fromPretrained(folder, { subfolder: "tokenizer" }));
    const textEncoder =
      options.textEncoder ?? (await T5EncoderModel.fromPretrained(folder, from("text_encoder")));
    const transformer =
      options.transformer ??
      (await PixArtTransformer2DModel.fromPretrained(folder, from("transformer")));
    const vae = options.vae ?? (await AutoencoderKL.fromPretrained(folder, from("vae")));
    const source = options.transformer === undefined ? sourceIn(folder, variant) : undefined;
    return PixArtAlphaPipeline.create(
      { transformer, vae, textEncoder, tokenizer, scheduler },
      source,
    );
  },
} as const;

function sourceIn(folder: string, variant: string | undefined): WeightsSource {
  let hash: Promise<string> | undefined;
  return {
    name: basename(resolve(folder)),
    hash: () => {
      hash ??= weightsHash(join(folder, "transformer"), variant);
      return hash;
    },
  };
}
