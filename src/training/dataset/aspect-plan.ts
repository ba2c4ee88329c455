import { type ParsedConfig, type ResolvedConfig, resolveEpochs } from "../../config/index.ts";
import {
  type Bucket,
  type BucketPlan,
  type PictureSize,
  planBuckets,
  trainingBuckets,
} from "../../data/buckets.ts";
import { mapConcurrent } from "../../data/map-concurrent.ts";
import { ImageError } from "../../images/index.ts";
import { type Example, stageExamples, type TrainingData } from "./training-data.ts";

type CheckedStage = ParsedConfig["stages"][number];

const HEADERS_AT_ONCE = 16;

/** The sizes that a stage trains at; each picture gets the one nearest in shape. Undefined if all pictures become squares. */
export const stageBuckets = (stage: CheckedStage): readonly Bucket[] | undefined =>
  stage.kind === "text-to-image" && stage.aspectRatios
    ? trainingBuckets(stage.resolution)
    : undefined;

/** How a stage's pictures are divided into batches of one size each; undefined if all become squares. */
export async function aspectPlan(
  stage: CheckedStage,
  data: TrainingData,
): Promise<BucketPlan | undefined> {
  const buckets = stageBuckets(stage);
  if (buckets === undefined) return undefined;
  const sizes = await mapConcurrent(stageExamples(stage, data).train, HEADERS_AT_ONCE, sizeOf);
  return planBuckets(sizes.flat(), buckets, stage.batchSize);
}

/** Empty if the picture cannot be read: it is skipped with a warning when the stage starts. */
async function sizeOf(example: Example): Promise<PictureSize[]> {
  try {
    return [await example.size()];
  } catch (error) {
    if (error instanceof ImageError) return [];
    throw error;
  }
}

/**
 * Converts a config's epochs to steps: an epoch shows each picture once, and some again if buckets have to fill their batches.
 */
export async function resolveEpochsForData(
  config: ParsedConfig,
  data: TrainingData,
): Promise<ResolvedConfig> {
  const samples = new Map<string, number>();
  for (const stage of config.stages) {
    const plan = await aspectPlan(stage, data);
    const inEpoch = plan && plan.batches * stage.batchSize;
    samples.set(stage.name, inEpoch ?? stageExamples(stage, data).train.length);
  }
  return resolveEpochs(config, ({ name }) => samples.get(name) ?? 0);
}

/** Describes each bucket of a stage in a line for the user. */
export function describePlan({ name, batchSize }: CheckedStage, plan: BucketPlan): string[] {
  const { buckets, batches, effectiveBatch, repeats } = plan;
  return [
    `Aspect ratios of stage "${name}", batches of ${batchSize}:`,
    "  width × height   ratio   pictures   batches",
    ...buckets.map(
      ({ width, height, ratio, images, batches: own }) =>
        `  ${`${width} × ${height}`.padEnd(15)}${ratio.toFixed(2).padStart(7)}${`${images}`.padStart(11)}${`${own}`.padStart(10)}`,
    ),
    `  an epoch: ${batches} batches, ${effectiveBatch.toFixed(2)} different pictures in each on average, ${repeats} shown once more to fill batches`,
  ];
}
