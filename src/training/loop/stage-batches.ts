import type { ResolvedStage } from "../../config/index.ts";
import { type Order, SampleOrder, SampleRng } from "../contract/sample-rng.ts";
import type { LoadedBatch, StageTask } from "../contract/stage-task.ts";
import { BucketOrder } from "../dataset/bucket-order.ts";
import { SkippedBatches } from "./skipped-batches.ts";

/** The pictures of a forward pass that are being read. */
interface PendingPass {
  readonly step: number;
  /** Index of the pass within the step. */
  readonly micro: number;
  readonly ids: readonly number[];
  readonly batch: Promise<LoadedBatch>;
}

/** The sequence of a stage's pictures; if they have buckets, each batch comes from one bucket. */
function orderOf(seed: number, { name, batchSize }: ResolvedStage, task: StageTask): Order {
  const buckets = task.buckets?.train;
  return buckets === undefined
    ? new SampleOrder(seed, `${name}/order`, task.counts.train)
    : new BucketOrder(seed, `${name}/order`, buckets, batchSize);
}

/** Which of a step's forward passes this process computes. */
export interface PassShare {
  /** Passes per step, over all processes. */
  readonly passes: number;
  /** The process's first pass; every `stride`-th after it follows. */
  readonly first: number;
  readonly stride: number;
}

/** The training pictures of a stage, pass by pass: a function of seed and step alone, apart from skipped batches. */
export class StageBatches {
  /** What is skipped, in units of one step's pictures. */
  readonly skipped: SkippedBatches = new SkippedBatches();
  readonly #seed: number;
  readonly #stage: ResolvedStage;
  readonly #task: StageTask;
  readonly #order: Order;
  readonly #share: PassShare;
  /** Read while the previous pass is computed. */
  #pending: PendingPass | undefined;

  constructor(seed: number, stage: ResolvedStage, task: StageTask, share: PassShare) {
    this.#seed = seed;
    this.#share = share;
    this.#stage = stage;
    this.#task = task;
    this.#order = orderOf(seed, stage, task);
  }

  /** Indices of this process's passes in a step. */
  own(): number[] {
    const { passes, first, stride } = this.#share;
    return Array.from(
      { length: Math.ceil((passes - first) / stride) },
      (_, i) => first + i * stride,
    );
  }

  /** The pictures of one of a step's passes and their random numbers. Starts reading those of the next pass. */
  async take(
    step: number,
    micro: number,
  ): Promise<{ readonly ids: readonly number[]; readonly batch: LoadedBatch }> {
    const isRead = this.#pending?.step === step && this.#pending.micro === micro;
    const { ids, batch } = (isRead && this.#pending) || this.#load(step, micro);
    const loaded = await batch;
    this.#pending = this.#loadNext(step, micro);
    return { ids, batch: loaded };
  }

  /** Skips the pictures of these steps from now on. */
  skip(from: number, to: number): void {
    this.skipped.add([from, to]);
    this.#pending = undefined;
  }

  /** Names of a step's pictures, over all processes. */
  pictures(step: number): string[] {
    return Array.from({ length: this.#share.passes }, (_, micro) => this.#positions(step, micro))
      .flat()
      .map((position) => this.#task.describe(this.#order.at(position)));
  }

  #positions(step: number, micro: number): number[] {
    const { batchSize } = this.#stage;
    const first = this.#pass(step, micro) * batchSize;
    return Array.from({ length: batchSize }, (_, i) => first + i);
  }

  /** Index of a forward pass in the sequence of the stage's pictures. */
  #pass(step: number, micro: number): number {
    return this.skipped.at(step) * this.#share.passes + micro;
  }

  #load(step: number, micro: number): PendingPass {
    const positions = this.#positions(step, micro);
    const ids = positions.map((position) => this.#order.at(position));
    const batch = this.#task.load({
      split: "train",
      index: this.#pass(step, micro),
      ids,
      draws: new SampleRng(this.#seed, this.#stage.name, positions),
    });
    // A failure here is thrown when the batch is awaited.
    batch.catch(() => {});
    return { step, micro, ids, batch };
  }

  /** Undefined after the stage's last pass. */
  #loadNext(step: number, micro: number): PendingPass | undefined {
    const { passes, first, stride } = this.#share;
    if (micro + stride < passes) return this.#load(step, micro + stride);
    return step + 1 < this.#stage.steps ? this.#load(step + 1, first) : undefined;
  }
}
