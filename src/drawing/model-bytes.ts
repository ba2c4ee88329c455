import type { Module } from "../nn/index.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { LazyModel, PromptPack } from "../pipelines/index.ts";
import { bytesPerElement } from "../torch/index.ts";

/** Bytes that a loaded pipeline's weights take; a text encoder that is loaded for each prompt does not count. */
export function pipelineBytes({
  transformer,
  controlnet,
  vae,
  textEncoder,
}: PixArtAlphaPipeline): number {
  const isStill =
    textEncoder === null || textEncoder instanceof LazyModel || textEncoder instanceof PromptPack;
  const models = [transformer, controlnet, vae, isStill ? undefined : textEncoder];
  return models.reduce((sum, model) => sum + (model === undefined ? 0 : moduleBytes(model)), 0);
}

const moduleBytes = (model: Module): number =>
  [...model.stateDict().values()].reduce(
    (sum, tensor) => sum + tensor.numel * bytesPerElement(tensor.dtype),
    0,
  );
