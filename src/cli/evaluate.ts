import { loadPictures } from "../data/load-pictures.ts";
import {
  type ChoiceResult,
  type DescribedThing,
  measureChoice,
  TooFewCaptionsError,
} from "../evaluation/measure-choice.ts";
import { measureRetrieval, type PromptPair } from "../evaluation/measure-retrieval.ts";
import type { LabelledImage, RetrievalResult } from "../evaluation/retrieval.ts";
import { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import { type DatasetChoice, type Example, loadTrainingData } from "../training/training-data.ts";
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
  readonly json?: boolean;
}

/** What is measured of some pairs. */
interface Measured extends RetrievalResult {
  /** How often the right one of eight captions was chosen for a real picture; left out where there are fewer. */
  readonly choice?: ChoiceResult | undefined;
}

/** Rates for pairs that were trained on, and for pairs whose thing and style were seen apart only. */
export interface Evaluation {
  readonly seen: Measured;
  readonly heldout: Measured | undefined;
}

type Described = Example & { readonly thing: string; readonly style: string };
const isDescribed = (example: Example): example is Described =>
  example.thing !== undefined && example.style !== undefined;

const pairOf = ({ shortCaption, thing, style }: Described): PromptPair => ({
  prompt: shortCaption,
  thing,
  style,
});

async function references(examples: readonly Described[], size: number): Promise<LabelledImage[]> {
  const { data } = await loadPictures(examples, { size });
  const bytes = size * size * 3;
  return examples.map(({ thing, style }, i) => ({
    image: new RgbImage(size, size, data.subarray(i * bytes, (i + 1) * bytes)),
    thing,
    style,
  }));
}

function choose(examples: readonly Described[], count: number, seed: number): Described[] {
  const order = torch.tidy(() =>
    Array.from(
      torch
        .randperm(examples.length, { generator: torch.stream(seed, "evaluate", 0), dtype: "int64" })
        .toTypedArray(),
      Number,
    ),
  );
  return order.slice(0, count).flatMap((i) => examples[i] ?? []);
}

/** Measures a pipeline on a data set, as `pixart evaluate` and the demo do. */
export async function evaluate(
  { pipe, run }: LoadedPipeline,
  dataset: DatasetChoice,
  options: Pick<EvaluateOptions, "count" | "steps" | "guidance" | "seed">,
): Promise<Evaluation> {
  const data = await loadTrainingData(dataset);
  const train = data.train.filter(isDescribed);
  const heldout = data.heldout.filter(isDescribed);
  if (train.length === 0) {
    throw new Error(
      `Expected "thing" and "style" columns in the metadata.jsonl of ${data.dataset.location} to measure with, but found none`,
    );
  }
  const size =
    run?.stage.resolution ??
    pipe.transformer.config.sampleSize * 2 ** (pipe.vae.config.blockOutChannels.length - 1);
  const all = [...train, ...heldout];
  const known = await references(all, size);
  const captions = all.map(({ shortCaption: caption, thing, style }) => ({
    caption,
    thing,
    style,
  }));
  const { steps, guidance: guidanceScale, seed } = options;
  const measure = async (pairs: readonly Described[]): Promise<Measured> => {
    const drawing = { steps, guidanceScale, seed, size };
    const drawn = await measureRetrieval(pipe, pairs.map(pairOf), known, drawing);
    const asked = pairs.map((pair) => all.indexOf(pair));
    const pictures = asked.map((i) => ({
      ...(known[i] as LabelledImage),
      ...(captions[i] as DescribedThing),
    }));
    try {
      return { ...drawn, choice: await measureChoice(pipe, pictures, captions, { seed }) };
    } catch (error) {
      if (!(error instanceof TooFewCaptionsError)) throw error;
      say(`Without a choice of captions: ${error.message}`);
      return drawn;
    }
  };
  return {
    seen: await measure(choose(train, options.count, options.seed)),
    heldout:
      heldout.length === 0
        ? undefined
        : await measure(choose(heldout, options.count, options.seed)),
  };
}

const percent = (rate: number): string => `${(100 * rate).toFixed(1)} %`;

const percentOf = (rate: number | undefined): string => (rate === undefined ? "" : percent(rate));

/** The rates as a small table. */
export function describeEvaluation({ seen, heldout }: Evaluation): string {
  const cells = (name: string, ...values: readonly string[]): string =>
    [name.padEnd(28), ...values.map((value) => value.padStart(8))].join(" ");
  const row = (name: string, { thingRate, styleRate, bothRate, choice, n }: Measured): string => {
    const rates = [thingRate, styleRate, bothRate].map(percent);
    return `${cells(name, ...rates, percentOf(choice?.rate))}   (${n} pictures)`;
  };
  const { thing, style } = seen.chance;
  return [
    cells("nearest picture shows the", "thing", "style", "both", "1 of 8"),
    row("pairs trained on", seen),
    ...(heldout === undefined ? [] : [row("pairs held out", heldout)]),
    cells("by chance", percent(thing), percent(style), "", percentOf(seen.choice?.chance)),
  ].join("\n");
}

/** `pixart evaluate MODEL` */
export async function evaluateCommand(model: string, options: EvaluateOptions): Promise<void> {
  const { revision } = options;
  const device = drawingDevice(options.device, {});
  const loaded = await loadPipeline(model, {
    device,
    ...(revision !== undefined && { revision }),
  });
  const own = loaded.run?.config.dataset;
  const folder = options.data ?? own?.folder;
  if (folder === undefined)
    throw new UsageError(
      "Expected --data with the folder that `pixart dataset emoji` made: a published model does not say what it was trained on",
    );
  const dataset: DatasetChoice = {
    folder,
    things: options.things === "demo" ? "demo" : (options.things ?? own?.things ?? null),
    styles: own?.styles ?? null,
    heldoutShare: own?.heldoutShare ?? 0,
  };
  const start = performance.now();
  const result = await evaluate(loaded, dataset, options);
  say(`Measured in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : describeEvaluation(result)}\n`);
}
