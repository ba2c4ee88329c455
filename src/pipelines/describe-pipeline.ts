import type { Module } from "../nn/index.ts";
import type { PixArtAlpha } from "./pixart-alpha.ts";
import { PromptPack } from "./prompts/prompt-pack.ts";
import { StagedModel } from "./prompts/staged-model.ts";
import type { TextEncoder } from "./prompts/text-encoding.ts";

/** A pipeline's parts, a line each, for people. */
export function describePipeline(pipe: PixArtAlpha): string {
  const { kind, transformer, controlnet, vae, textEncoder, scheduler, source } = pipe;
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
  return encoder instanceof StagedModel ? "loaded for each new prompt" : describeModel(encoder);
}
