import { loadCLIP } from "../../evaluation/clip-score.ts";
import type { DrawOptions } from "../../evaluation/draw-captions.ts";
import { drawAndSee, type Networks } from "../../evaluation/measure-captions.ts";
import {
  type Evaluation,
  type MeasureOptions,
  measureModel,
} from "../../evaluation/measure-model.ts";
import { EfficientNetLite } from "../../evaluation/networks/efficientnet-lite.ts";
import { InceptionV3 } from "../../evaluation/networks/inception-v3.ts";
import { LARGEST_FILE, readWholeSync } from "../../files/reading/whole-file.ts";
import { type DatasetChoice, loadTrainingData } from "../../training/dataset/training-data.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { cutCaptions, describeEvaluation } from "./describe-evaluation.ts";
import { captionReadingOf, type DataOptions, evaluatedData } from "./evaluated-data.ts";
import { findFeatures } from "./find-features.ts";
import {
  drawingDevice,
  type LoadedPipeline,
  loadPipeline,
  type PipelineChanges,
} from "./load-pipeline.ts";

/** Options of `pixart evaluate`. */
export interface EvaluateOptions extends Pick<PipelineChanges, "revision">, DataOptions {
  readonly device: string;
  readonly prompts?: string;
  readonly count: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly seed: number;
  readonly features?: string;
  readonly inception?: string;
  readonly clip?: string;
  readonly json?: boolean;
}

/** Side in pixels of the pictures that a pipeline draws. */
const sizeOf = ({ pipe, run }: LoadedPipeline): number =>
  run?.stage.resolution ?? pipe.transformer.config.sampleSize * pipe.vaeScaleFactor;

/** Measures a pipeline on a data set at the size it draws, as `pixart evaluate` and the demo do. */
export async function evaluate(
  loaded: LoadedPipeline,
  dataset: DatasetChoice,
  options: Omit<MeasureOptions, "drawing" | "onNote">,
  drawing: Omit<DrawOptions, "size">,
): Promise<Evaluation> {
  const data = await loadTrainingData(dataset);
  return await measureModel(loaded.pipe, data, {
    ...options,
    drawing: { ...drawing, size: sizeOf(loaded) },
    onNote: say,
  });
}

/** `pixart evaluate MODEL` */
export async function evaluateCommand(model: string, options: EvaluateOptions): Promise<void> {
  const { revision, prompts } = options;
  const device = drawingDevice(options.device, {});
  const loaded = await loadPipeline(model, {
    device,
    ...(revision !== undefined && { revision }),
  });
  const start = performance.now();
  const networks = await loadNetworks(options, device);
  try {
    const report =
      prompts === undefined
        ? await evaluateOnData(loaded, networks, options)
        : await evaluateOnPrompts(loaded, networks, prompts, options);
    say(`Measured in ${((performance.now() - start) / 1000).toFixed(0)} s`);
    process.stdout.write(`${options.json ? JSON.stringify(report.result) : report.text}\n`);
  } finally {
    networks.content?.[Symbol.dispose]();
    networks.inception?.[Symbol.dispose]();
    networks.clip?.model.dispose();
  }
}

/** The output, for people and for programs. */
interface Report {
  readonly text: string;
  readonly result: unknown;
}

async function evaluateOnData(
  loaded: LoadedPipeline,
  networks: Networks,
  options: EvaluateOptions,
): Promise<Report> {
  const { count } = options;
  const dataset = evaluatedData(loaded.run?.config.dataset, options);
  if (dataset === undefined)
    throw new UsageError(
      "Expected --data with a data set, or --prompts with --clip: a published model does not say what it was trained on",
    );
  const drawing = drawingOf(loaded, options);
  const result = await evaluate(loaded, dataset, { count, networks }, drawing);
  return { text: describeEvaluation(result), result };
}

/** Prompts come without real pictures, so all that can be measured is how well drawn ones fit. */
async function evaluateOnPrompts(
  loaded: LoadedPipeline,
  { clip }: Networks,
  path: string,
  options: EvaluateOptions,
): Promise<Report> {
  if (clip === undefined || options.data !== undefined)
    throw new UsageError("Expected --prompts with --clip and without --data");
  const file = readWholeSync(path, { expected: "a text file", atMost: LARGEST_FILE.caption });
  const prompts = file
    .toString()
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  if (prompts.length === 0)
    throw new UsageError(`Expected one prompt per line in ${path} but found none`);
  const drawing = { ...drawingOf(loaded, options), size: sizeOf(loaded) };
  const { clipScore } = await drawAndSee(loaded.pipe, prompts, drawing, { clip });
  const lines = [`CLIP score of ${prompts.length} prompts: ${clipScore?.mean.toFixed(2)}`];
  return { text: [...lines, ...cutCaptions(clipScore)].join("\n"), result: { clipScore } };
}

const drawingOf = ({ pipe, run }: LoadedPipeline, { steps, guidance, seed }: EvaluateOptions) => ({
  steps: steps ?? pipe.defaults.numInferenceSteps,
  guidanceScale: guidance ?? pipe.defaults.guidanceScale,
  seed,
  ...(run !== undefined && { reading: captionReadingOf(run.config) }),
});

async function loadNetworks(
  { features, inception, clip, prompts }: EvaluateOptions,
  device: string,
): Promise<Networks> {
  const content = prompts === undefined ? (features ?? (await findFeatures())) : undefined;
  if (features === undefined && content !== undefined) say(`Comparing by content with ${content}`);
  return {
    content: content === undefined ? undefined : EfficientNetLite.fromFile(content, device),
    inception: inception === undefined ? undefined : InceptionV3.fromFile(inception, device),
    clip: clip === undefined ? undefined : await loadCLIP(clip, { device }),
  };
}
