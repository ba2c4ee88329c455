import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { isRun, pipelineFromRun } from "../training/run-pipeline.ts";
import { say } from "./talk.ts";

const MODEL_INDEX = "model_index.json";
const shipped = (name: string): string =>
  fileURLToPath(new URL(`../../models/${name}`, import.meta.url));

/** A pipeline to draw with. */
export interface LoadedPipeline {
  readonly pipe: Awaited<ReturnType<typeof PixArtAlphaPipeline.fromPretrained>>;
  /** The run that it came from, where it came from one. */
  readonly run: Awaited<ReturnType<typeof pipelineFromRun>> | undefined;
}

/** The pipeline of a published folder, of a model that the package ships, of a run folder or of a checkpoint. */
export async function loadPipeline(
  model: string,
  { raw = false }: { raw?: boolean } = {},
): Promise<LoadedPipeline> {
  for (const folder of [model, shipped(model)]) {
    if (existsSync(join(folder, MODEL_INDEX))) {
      return { pipe: await PixArtAlphaPipeline.fromPretrained(folder), run: undefined };
    }
  }
  if (isRun(model)) {
    const run = await pipelineFromRun(model, !raw);
    say(
      `${raw ? "Raw" : "Averaged"} weights of ${run.checkpoint} (stage "${run.stage.name}", step ${run.step} of ${run.stage.steps})`,
    );
    return { pipe: run.pipe, run };
  }
  throw new Error(
    `Expected a model but received ${model}: it is no published folder (with ${MODEL_INDEX}), no run folder, no checkpoint, and no model of this package`,
  );
}
