import type { DrawOptions } from "../evaluation/draw-captions.ts";
import { EfficientNetLite } from "../evaluation/efficientnet-lite.ts";
import { type Evaluation, type MeasureOptions, measureModel } from "../evaluation/measure-model.ts";
import { type DatasetChoice, loadTrainingData } from "../training/training-data.ts";
import { describeEvaluation } from "./describe-evaluation.ts";
import {
  drawingDevice,
  type LoadedPipeline,
  loadPipeline,
  type PipelineChanges,
} from "./load-pipeline.ts";
import { say } from "./talk.ts";
import { UsageError } from "./usage-error.ts";

/** Options of `pixart evaluate`. */
export interface EvaluateOptions extends Pick<PipelineChanges, "revision"> {
  readonly device: string;
  readonly data?: string;
  readonly things?: "demo" | number;
  readonly count: number;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly features?: string;
  readonly json?: boolean;
}

/** Measures a pipeline on a data set at the size it draws, as `pixart evaluate` and the demo do. */
export async function evaluate(
  { pipe, run }: LoadedPipeline,
  dataset: DatasetChoice,
  options: Omit<MeasureOptions, "drawing" | "onNote">,
  drawing: Omit<DrawOptions, "size">,
): Promise<Evaluation> {
  const size =
    run?.stage.resolution ??
    pipe.transformer.config.sampleSize * 2 ** (pipe.vae.config.blockOutChannels.length - 1);
  const data = await loadTrainingData(dataset);
  return await measureModel(pipe, data, {
    ...options,
    drawing: { ...drawing, size },
    onNote: say,
  });
}

/** `pixart evaluate MODEL` */
export async function evaluateCommand(model: string, options: EvaluateOptions): Promise<void> {
  const { revision, count, steps, guidance: guidanceScale, seed, features } = options;
  const device = drawingDevice(options.device, {});
  const loaded = await loadPipeline(model, {
    device,
    ...(revision !== undefined && { revision }),
  });
  const own = loaded.run?.config.dataset;
  const folder = options.data ?? own?.folder;
  if (folder === undefined)
    throw new UsageError(
      "Expected --data with a data set: a published model does not say what it was trained on",
    );
  const dataset: DatasetChoice = {
    folder,
    things: options.things === "demo" ? "demo" : (options.things ?? own?.things ?? null),
    styles: own?.styles ?? null,
    heldoutShare: own?.heldoutShare ?? 0,
  };
  const start = performance.now();
  using content = features === undefined ? undefined : EfficientNetLite.fromFile(features);
  const drawing = { steps, guidanceScale, seed };
  const result = await evaluate(loaded, dataset, { count, networks: { content } }, drawing);
  say(`Measured in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : describeEvaluation(result)}\n`);
}
