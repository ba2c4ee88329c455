import { type PixArtAlphaPipeline, trainedSizes } from "../pipelines/index.ts";
import { schedulerNames } from "../schedulers/index.ts";
import type { ModelFacts, NamedPlace } from "../server/engine/engine-messages.ts";

/** Facts about a model that its pipeline knows. */
export async function factsOf(
  name: string,
  pipe: PixArtAlphaPipeline,
  adapters: readonly NamedPlace[],
): Promise<Omit<ModelFacts, "batch" | "stepSeconds" | "preview" | "bytes">> {
  const { sampleSize, patchSize } = pipe.transformer.config;
  return {
    name,
    hash: await pipe.source?.hash(),
    sampler: pipe.scheduler.samplerName,
    samplers: schedulerNames,
    defaults: pipe.defaults,
    nativeSide: sampleSize * pipe.vaeScaleFactor,
    multiple: pipe.vaeScaleFactor * patchSize,
    trainedSizes: trainedSizes(sampleSize, pipe.vaeScaleFactor),
    maxSequenceLength: pipe.maxSequenceLength,
    hasControlNet: pipe.controlnet !== undefined,
    adapters: adapters.map((adapter) => adapter.name),
  };
}
