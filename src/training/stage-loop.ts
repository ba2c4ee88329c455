import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResolvedStage } from "../config/index.ts";
import { clipGradNorm_, createOptimizer, Ema, lrFactor, type Optimizer } from "../optim/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BucketOrder, batchesOfOneKind } from "./bucket-order.ts";
import type { JsonValue } from "./checkpoint-manifest.ts";
import { type Order, SampleDraws, SampleOrder } from "./draws.ts";
import {
  type LoadedBatch,
  prefixed,
  type SampleSheet,
  type Split,
  type StageLoss,
  type StageTask,
  unprefixed,
} from "./stage-task.ts";

/** What one optimizer step did. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly lr: number;
  readonly images: number;
  /** False where the loss or the gradient was not finite: nothing was changed then. */
  readonly applied: boolean;
  readonly seconds: {
    readonly data: number;
    readonly forward: number;
    readonly backward: number;
    readonly optimizer: number;
  };
}

/** Tensors and facts of a checkpoint. */
export interface StageState {
  readonly step: number;
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  readonly state: { readonly [key: string]: JsonValue };
}

/** What the loop tells, and asks, while it runs. Each call is awaited. */
export interface StageListener {
  onStep(report: StepReport): void;
  onWarning(message: string): void;
  onSample(step: number, sheet: SampleSheet): Promise<void>;
  onValidation(step: number, losses: Readonly<Record<string, number>>): void;
  onCheckpoint(state: StageState): Promise<void>;
  /** Whether to save and stop at this step's end. */
  shouldStop(): boolean;
}

/** Bad steps in a row after which the run gives up. */
const MAX_SKIPPED = 5;
/** Held-out pictures whose loss is measured, each at one fixed timestep and noise. */
const VALIDATION_SAMPLES = 256;

const seconds = (since: number): number => (performance.now() - since) / 1000;

/** A training run became meaningless: losses or gradients that are not finite, again and again. */
export class DivergedError extends Error {
  override readonly name: string = "DivergedError";
}

/** A batch that is being read. */
interface PendingBatch {
  /** Number of its forward pass in the stage. */
  readonly pass: number;
  readonly batch: Promise<LoadedBatch>;
  /** Whether no other follows. */
  readonly isLast: boolean;
}

/** The sequence of a stage's pictures: with batches of one bucket each where they have buckets. */
function orderOf(seed: number, { name, batchSize }: ResolvedStage, task: StageTask): Order {
  const buckets = task.buckets?.train;
  return buckets === undefined
    ? new SampleOrder(seed, `${name}/order`, task.counts.train)
    : new BucketOrder(seed, `${name}/order`, buckets, batchSize);
}

/** Trains one stage: the optimizer, the averages, and the loop over steps. */
export class StageLoop {
  readonly #seed: number;
  readonly #stage: ResolvedStage;
  readonly #task: StageTask;
  readonly #optimizer: Optimizer;
  readonly #ema: Ema | undefined;
  readonly #order: Order;
  readonly #trainable: readonly Tensor[];
  /** The next batch, read while the present one is computed. */
  #pending: PendingBatch | undefined;
  #step = 0;
  #skipped = 0;

  constructor(seed: number, stage: ResolvedStage, task: StageTask) {
    const trainable = new Map(task.groups.flatMap(({ parameters }) => [...parameters]));
    this.#seed = seed;
    this.#stage = stage;
    this.#task = task;
    this.#trainable = [...trainable.values()];
    this.#optimizer = createOptimizer(stage.optimizer, task.groups);
    this.#ema = stage.ema === null ? undefined : new Ema(trainable, stage.ema);
    this.#order = orderOf(seed, stage, task);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** What a checkpoint of this moment holds: the live tensors, not copies. */
  tensors(): StageState["groups"] {
    const weights = new Map(
      [...this.#task.models].flatMap(([prefix, model]) => [...prefixed(prefix, model)]),
    );
    return new Map<string, ReadonlyMap<string, Tensor>>([
      ["weights", weights],
      ...(this.#ema === undefined ? [] : ([["ema", this.#ema.stateDict()]] as const)),
      ["optimizer", this.#optimizer.stateDict()],
    ]);
  }

  #state(): StageState {
    return {
      step: this.#step,
      groups: this.tensors(),
      state: {
        skippedInARow: this.#skipped,
        ...(this.#step === this.#stage.steps ? this.#task.facts() : {}),
      },
    };
  }

  /** Takes a checkpoint's state. Throws where a part is missing or does not fit. */
  restore({ step, groups, state }: StageState): void {
    const group = (name: string): ReadonlyMap<string, Tensor> => {
      const tensors = groups.get(name);
      if (tensors === undefined)
        throw new Error(`The checkpoint of step ${step} lacks its part "${name}"`);
      return tensors;
    };
    const weights = group("weights");
    for (const [prefix, model] of this.#task.models)
      model.loadStateDict(unprefixed(prefix, weights));
    this.#ema?.loadStateDict(group("ema"));
    this.#optimizer.loadStateDict(group("optimizer"));
    this.#step = step;
    this.#skipped = Number(state.skippedInARow ?? 0);
  }

  /** Runs from the current step to the stage's end, or until the listener wants to stop. True when the stage is complete. */
  async run(listener: StageListener): Promise<boolean> {
    const { steps, sampleEvery, checkpointEvery, validateEvery } = this.#stage;
    if (this.#step === 0) await this.#sample(listener);
    while (this.#step < steps) {
      const report = await this.#trainStep();
      listener.onStep(report);
      if (!report.applied) this.#noteSkipped(listener);
      const isLast = this.#step === steps;
      const isDue = (every: number | null): boolean =>
        isLast || (every !== null && this.#step % every === 0);
      // The loop turns once a step, so that signals and timers get their turn.
      await nextTurn();
      const stop = listener.shouldStop() && !isLast;
      if (stop || isDue(checkpointEvery)) await listener.onCheckpoint(this.#state());
      if (stop) return false;
      if (isDue(validateEvery)) await this.#validate(listener);
      if (isDue(sampleEvery)) await this.#sample(listener);
    }
    return true;
  }

  #positions(step: number, micro: number): number[] {
    const { batchSize, gradientAccumulation } = this.#stage;
    const first = (step * gradientAccumulation + micro) * batchSize;
    return Array.from({ length: batchSize }, (_, i) => first + i);
  }

  /** Begins to read the pictures of one forward pass. */
  #load(pass: number): PendingBatch {
    const { gradientAccumulation, steps } = this.#stage;
    const [step, micro] = [Math.floor(pass / gradientAccumulation), pass % gradientAccumulation];
    const positions = this.#positions(step, micro);
    const batch = this.#task.load({
      split: "train",
      index: pass,
      ids: positions.map((position) => this.#order.at(position)),
      draws: new SampleDraws(this.#seed, this.#stage.name, positions),
    });
    // What fails here is thrown where the batch is waited for.
    batch.catch(() => {});
    return { pass, batch, isLast: pass + 1 >= steps * gradientAccumulation };
  }

  async #trainStep(): Promise<StepReport> {
    const { batchSize, gradientAccumulation, gradientClip, schedule, steps, optimizer } =
      this.#stage;
    const lr = optimizer.lr * lrFactor(schedule, this.#step, steps);
    const time = { data: 0, forward: 0, backward: 0, optimizer: 0 };
    let loss = 0;
    const parts: Record<string, number> = {};
    this.#optimizer.zeroGrad();
    for (let micro = 0; micro < gradientAccumulation; micro++) {
      const pass = this.#step * gradientAccumulation + micro;
      const waiting = performance.now();
      const pending = this.#pending?.pass === pass ? this.#pending : this.#load(pass);
      const batch = await pending.batch;
      this.#pending = pending.isLast ? undefined : this.#load(pass + 1);
      time.data += seconds(waiting);
      torch.tidy(() => {
        const start = performance.now();
        const result = this.#inPrecision(() => batch.loss());
        time.forward += seconds(start);
        const middle = performance.now();
        torch.backward(
          gradientAccumulation === 1 ? result.loss : result.loss.div(gradientAccumulation),
        );
        time.backward += seconds(middle);
        loss += result.loss.item() / gradientAccumulation;
        for (const [name, value] of Object.entries(result.parts)) {
          parts[name] = (parts[name] ?? 0) + value.item() / gradientAccumulation;
        }
      });
    }
    const start = performance.now();
    const gradNorm = clipGradNorm_(this.#trainable, gradientClip);
    const applied = Number.isFinite(loss) && Number.isFinite(gradNorm);
    if (applied) {
      this.#optimizer.step(lr);
      this.#ema?.update(this.#step);
    }
    this.#optimizer.zeroGrad();
    time.optimizer = seconds(start);
    this.#step += 1;
    this.#skipped = applied ? 0 : this.#skipped + 1;
    const images = batchSize * gradientAccumulation;
    return { step: this.#step, loss, parts, gradNorm, lr, images, applied, seconds: time };
  }

  #inPrecision<T>(body: () => T): T {
    const { precision } = this.#stage;
    return precision === "float32" ? body() : torch.autocast("cpu", precision, body);
  }

  #noteSkipped(listener: StageListener): void {
    const { gradientAccumulation } = this.#stage;
    const ids = Array.from({ length: gradientAccumulation }, (_, micro) =>
      this.#positions(this.#step - 1, micro),
    )
      .flat()
      .map((position) => this.#task.describe(this.#order.at(position)));
    const what = `Step ${this.#step}: the loss or the gradient is not finite; nothing was changed. Its pictures: ${ids.join(", ")}`;
    listener.onWarning(what);
    if (this.#skipped >= MAX_SKIPPED) {
      throw new DivergedError(
        `${MAX_SKIPPED} steps in a row had no finite loss or gradient. The newest checkpoint is from before them. Lower the learning rate, or look at the pictures that the warnings name.`,
      );
    }
  }

  /** Draws with the averaged weights in place. */
  async #sample(listener: StageListener): Promise<void> {
    const sheet = await this.#averaged(() => this.#task.sample());
    await listener.onSample(this.#step, sheet);
  }

  #averaged<T>(body: () => Promise<T>): Promise<T> {
    return this.#ema === undefined ? body() : this.#ema.swapped(body);
  }

  /** The averaged weights' loss, always on the same pictures, timesteps and noise. */
  async #validate(listener: StageListener): Promise<void> {
    const losses: Record<string, number> = {};
    await this.#averaged(async () => {
      for (const split of ["train", "heldout"] as const) {
        const count = this.#task.counts[split];
        if (count > 0) losses[split] = await this.#measure(split, count);
      }
    });
    listener.onValidation(this.#step, losses);
  }

  async #measure(split: Split, count: number): Promise<number> {
    const buckets = this.#task.buckets?.[split];
    const batches = batchesOfOneKind(
      Array.from({ length: VALIDATION_SAMPLES }, (_, i) => i),
      (position) => buckets?.[position % count],
      this.#stage.batchSize,
    );
    let sum = 0;
    for (const [index, positions] of batches.entries()) {
      const batch = await this.#task.load({
        split,
        index,
        ids: positions.map((position) => position % count),
        draws: new SampleDraws(this.#seed, "validation", positions),
      });
      const loss = (): StageLoss => this.#inPrecision(() => batch.loss());
      sum += torch.noGrad(() => torch.tidy(() => loss().loss.item())) * positions.length;
    }
    return sum / VALIDATION_SAMPLES;
  }

  /** Gives back the optimizer's and the averages' memory. */
  dispose(): void {
    this.#optimizer.dispose();
    this.#ema?.dispose();
  }
}
