import { join } from "node:path";
import {
  type AutoencoderKL,
  AutoencoderTiny,
  type PixArtControlNetAdapterModel,
  type PixArtTransformer2DModel,
} from "../models/index.ts";
import type { Module } from "../nn/index.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { T5Tokenizer } from "../text/index.ts";
import type { WeightsSource } from "./generation-record.ts";
import { type ComponentClass, writeModelIndex } from "./model-index.ts";
import { LazyModel } from "./prompts/lazy-model.ts";
import type { TextEncoder } from "./prompts/prompt-encoder.ts";
import { PromptPack } from "./prompts/prompt-pack.ts";
import type { SamplingDefaults } from "./sampling-defaults.ts";

/** The components of a pipeline. */
export interface PixArtAlphaComponents {
  readonly transformer: PixArtTransformer2DModel;
  /** Lets pictures follow a `controlImage` (PixArt-δ, arXiv 2401.05252 section 4). */
  readonly controlnet?: PixArtControlNetAdapterModel | undefined;
  /** One of the two that diffusers' pipelines take. Training and publishing need {@link AutoencoderKL}. */
  readonly vae: AutoencoderKL | AutoencoderTiny;
  /** Null if prompts come encoded. */
  readonly textEncoder: TextEncoder;
  readonly tokenizer: T5Tokenizer;
  readonly scheduler: Scheduler;
}

/** The differences between PixArt-α's pipeline and PixArt-Σ's. */
export interface PipelineKind {
  /** The class name in diffusers, written to `model_index.json`. */
  readonly className: "PixArtAlphaPipeline" | "PixArtSigmaPipeline";
  /** Longest prompt, in tokens, that the transformer was trained with. */
  readonly maxSequenceLength: number;
}

/** Implements `PixArtAlpha.savePretrained`. */
export async function savePipeline(
  folder: string,
  { transformer, controlnet, vae, textEncoder, tokenizer, scheduler }: PixArtAlphaComponents,
  { className }: PipelineKind,
  defaults: SamplingDefaults,
): Promise<void> {
  await scheduler.savePretrained(join(folder, "scheduler"));
  await tokenizer.savePretrained(join(folder, "tokenizer"));
  const hasEncoder = await saveTextEncoder(join(folder, "text_encoder"), textEncoder);
  await transformer.savePretrained(join(folder, "transformer"));
  await vae.savePretrained(join(folder, "vae"));
  await controlnet?.savePretrained(join(folder, "controlnet"));
  const isTiny = vae instanceof AutoencoderTiny;
  const classes: Record<string, ComponentClass> = {
    scheduler: ["diffusers", scheduler.className],
    text_encoder: hasEncoder ? ["transformers", "T5EncoderModel"] : [null, null],
    tokenizer: ["transformers", "T5Tokenizer"],
    transformer: ["diffusers", "PixArtTransformer2DModel"],
    vae: ["diffusers", isTiny ? "AutoencoderTiny" : "AutoencoderKL"],
  };
  await writeModelIndex(folder, className, classes, defaults);
}

/** False if there is none. */
async function saveTextEncoder(folder: string, encoder: TextEncoder): Promise<boolean> {
  if (encoder === null || encoder instanceof PromptPack) return false;
  const isStaged = encoder instanceof LazyModel;
  const model = isStaged ? await encoder.load() : encoder;
  try {
    await model.savePretrained(folder);
  } finally {
    if (isStaged) model.dispose();
  }
  return true;
}

/** A human-readable list of a pipeline's components, one per line. */
export function describePipeline(
  { transformer, controlnet, vae, textEncoder, scheduler }: PixArtAlphaComponents,
  kind: PipelineKind,
  source: WeightsSource | undefined,
): string {
  const lines = [
    `transformer: ${describeModel(transformer)}${source === undefined ? "" : `, from ${source.name}`}`,
    ...(controlnet === undefined ? [] : [`controlnet: ${describeModel(controlnet)}`]),
    `vae: ${describeModel(vae)}`,
    `textEncoder: ${describeTextEncoder(textEncoder)}`,
    `scheduler: ${scheduler.className}`,
  ];
  return `${kind.className} {\n${lines.map((line) => `  ${line}`).join(",\n")}\n}`;
}

function describeModel(model: Module): string {
  const { name } = model.constructor;
  if (model.parameters().some((weight) => weight.isDisposed)) return `${name} (disposed)`;
  const millions = (model.numParameters() / 1e6).toPrecision(3);
  return `${name} (${Number(millions)} M weights, ${model.dtype} on ${model.device})`;
}

function describeTextEncoder(encoder: TextEncoder): string {
  if (encoder === null) return "none: prompts come encoded";
  if (encoder instanceof PromptPack) return `prompts of ${encoder.name}`;
  return encoder instanceof LazyModel ? "loaded for each new prompt" : describeModel(encoder);
}
