import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { describeSplits } from "../../data/reasons.ts";
import { forecastBytes } from "../checkpoints/checkpoint.ts";
import { aspectPlan } from "../dataset/aspect-plan.ts";
import { stageExamples, type TrainingData } from "../dataset/training-data.ts";
import type { StageFootprint } from "../models/stage-footprint.ts";
import { formatBytes } from "../progress/quantities.ts";

/** Describes what a run will do, in lines for the user. `done` counts the steps of earlier processes, over all stages. */
export async function describeRun(
  config: ResolvedConfig,
  data: TrainingData,
  shapes: ReadonlyMap<ResolvedStage, StageFootprint>,
  done: number,
): Promise<string[]> {
  const total = config.stages.reduce((sum, { steps }) => sum + steps, 0);
  const stages = `${config.stages.length} ${config.stages.length === 1 ? "stage" : "stages"}`;
  const from = done > 0 ? `, from step ${done} of ${total}` : "";
  const { splits, notes } = data.dataset;
  const lines = [
    `Plan: ${stages}, ${total} steps in total${from}`,
    ...(splits.length > 0 ? [`  Splits of the data: ${describeSplits(splits)}`] : []),
    ...notes.map((note) => `  Note: ${note}`),
  ];
  for (const [i, stage] of config.stages.entries()) {
    const own = shapes.get(stage);
    if (own !== undefined)
      lines.push(
        ...(await describeStage(i + 1, { stage, processes: config.processes }, data, own)),
      );
  }
  return lines;
}

async function describeStage(
  number: number,
  { stage, processes }: { stage: ResolvedStage; processes: number },
  data: TrainingData,
  shapes: StageFootprint,
): Promise<string[]> {
  const { batchSize, gradientAccumulation, steps } = stage;
  const factors = [batchSize, gradientAccumulation, processes].filter((n, i) => i === 0 || n > 1);
  const { train, heldout } = stageExamples(stage, data);
  const buckets = await aspectPlan(stage, data);
  // An epoch's last batch is filled from the next epoch: nothing is dropped.
  const batches = buckets?.batches ?? train.length / batchSize;
  const epochs = (steps * gradientAccumulation * processes) / batches;
  const effective = batchSize * gradientAccumulation * processes;
  const hasPrior = stage.kind === "text-to-image" && data.prior.length > 0;
  const checkpoint = formatBytes(forecastBytes(shapes.checkpoint, {}));
  return [
    `  ${number}. "${stage.name}" (${stage.kind}, ${stage.resolution} px): ${[
      `${train.length} pictures`,
      ...(heldout.length > 0 ? [`${heldout.length} held out`] : []),
      `${Math.ceil(batches)} batches of ${batchSize} per epoch`,
    ].join(", ")}`,
    `     ${[
      `${steps} steps of ${effective}${factors.length === 1 ? "" : ` (${factors.join(" × ")})`} pictures${hasPrior ? " and as many of the class" : ""}: ${rounded(epochs)} epochs`,
      `${stage.optimizer.type} at ${stage.optimizer.lr}, ${scheduleOf(stage)}`,
      stage.precision,
    ].join("; ")}`,
    `     trains ${millions(shapes.trained)} M weights${shapes.trained < shapes.model ? ` added to ${millions(shapes.model)} M` : ""}${stage.ema === null ? "" : ", with averages"}; ${checkpointsOf(stage, checkpoint)}; ${samplesOf(stage)}`,
  ];
}

const checkpointsOf = (
  { steps, checkpointEvery, keepCheckpoints }: ResolvedStage,
  size: string,
): string =>
  checkpointEvery >= steps
    ? `one checkpoint, at its end, of ${size}`
    : `a checkpoint every ${checkpointEvery} steps, ${keepCheckpoints} kept of ${size} each`;

const samplesOf = ({ steps, sampleEvery }: ResolvedStage): string =>
  sampleEvery === null || sampleEvery >= steps
    ? "samples at its start and end"
    : `samples every ${sampleEvery} steps`;

function scheduleOf({ schedule }: ResolvedStage): string {
  const { type, warmupSteps } = schedule;
  return warmupSteps > 0 ? `${type} after ${warmupSteps} steps of warm-up` : type;
}

const rounded = (value: number): string => String(Number(value.toPrecision(3)));
const millions = (weights: number): string => (weights / 1e6).toFixed(2);
