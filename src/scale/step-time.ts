import type { ScaleInputs, ScaleNumbers } from "./inputs.ts";
import type { ScaleStage } from "./recipe.ts";

/**
 * A step with gradient checkpointing is a forward pass, the same again, and a backward pass that costs two: all but the first can
 * hide an all-reduce.
 */
const BACKWARD_SHARE = 3 / 4;

/** The parts of a step's time, in seconds. */
export interface StepTime {
  /** GPUs with at least one image per step. The others idle. */
  readonly ranks: number;
  /** Images per step on the GPU with the most. */
  readonly imagesOfOne: number;
  readonly passes: number;
  readonly imagesPerSecond: number;
  /** All passes, on a GPU without a delay. */
  readonly compute: number;
  /** The whole all-reduce. */
  readonly allReduce: number;
  /** The part that the backward pass does not hide. */
  readonly exposed: number;
  /** Mean wait for the slowest rank. */
  readonly straggling: number;
  /** Mean total: compute, exposed, straggling. */
  readonly total: number;
}

/**
 * Seconds of a ring all-reduce: 2 (n − 1) / n × bytes / bandwidth (Patarasuk and Yuan, 2009, doi 10.1016/j.jpdc.2008.09.002). A
 * simplified model: no latency, no congestion, the same speed for all links.
 * @param bandwidth bytes per second
 */
export const ringAllReduceSeconds = (ranks: number, bytes: number, bandwidth: number): number =>
  ((2 * (ranks - 1)) / ranks) * (bytes / bandwidth);

/** Computes the mean step time of a stage. */
export function stepTime(
  stage: ScaleStage,
  parameters: number,
  inputs: ScaleInputs & ScaleNumbers,
): StepTime {
  const { gpus, gpusPerNode, bandwidth, nodeBandwidth } = inputs;
  const ranks = Math.min(gpus, stage.batchSize);
  const imagesOfOne = Math.ceil(stage.batchSize / ranks);
  const passes = Math.ceil(imagesOfOne / stage.microBatch);
  const compute = imagesOfOne / stage.imagesPerSecond;
  const link = ranks > gpusPerNode ? Math.min(bandwidth, nodeBandwidth) : nodeBandwidth;
  const allReduce = ringAllReduceSeconds(ranks, parameters * inputs.gradientBytes, link * 1e9);
  // Only the last pass of a step sends its gradients.
  const cover = (inputs.overlap * BACKWARD_SHARE * compute) / passes;
  const exposed = Math.max(0, allReduce - cover);
  const straggling = compute * inputs.straggle * harmonic(ranks);
  return {
    ranks,
    imagesOfOne,
    passes,
    imagesPerSecond: stage.imagesPerSecond,
    compute,
    allReduce,
    exposed,
    straggling,
    total: compute + exposed + straggling,
  };
}

/** 1 + 1/2 + … + 1/n: the mean of the largest of n exponential delays of mean 1. */
export function harmonic(n: number): number {
  let sum = 0;
  for (let i = n; i >= 1; i--) sum += 1 / i;
  return sum;
}
