import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResolvedStage } from "../../config/index.ts";
import { ShardedOptimizer, type World } from "../../distributed/index.ts";
import { IncompatibleError } from "../../errors/index.ts";
import {
  clipScale,
  createOptimizer,
  Ema,
  gradNorm,
  lrFactor,
  type Optimizer,
} from "../../optim/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { type OnProgress, prefixed, type StageTask, unprefixed } from "../contract/stage-task.ts";
import { isStop } from "../contract/stopped.ts";
import { bandMeans } from "../contract/timestep-bands.ts";
import { askedOfAny } from "./asked.ts";
import { requireProgress, requireSteps } from "./diverged.ts";
import { PictureLossTracker } from "./picture-loss-tracker.ts";
import { ALONE, passesOf, type Sharing } from "./sharing.ts";
import { SpikeGuard } from "./spike-guard.ts";
import { StageBatches } from "./stage-batches.ts";
import type { Rollback, StageListener, StageState } from "./stage-listener.ts";
import { type Best, StageMeasure } from "./stage-measure.ts";
import { StepPasses } from "./step-passes.ts";

export { DivergedError } from "./diverged.ts";
export type { Rollback, StageListener, StageState, StepReport } from "./stage-listener.ts";

/** Trains one stage: the optimizer, the averages and the loop over steps. */
export class StageLoop {
  readonly #stage: ResolvedStage;
  readonly #task: StageTask;
  readonly #optimizer: Optimizer;
  readonly #ema: Ema | undefined;
  readonly #batches: StageBatches;
  readonly #trainable: readonly Tensor[];
  readonly #world: World;
  readonly #passes: StepPasses;
  readonly #ledger: PictureLossTracker;
  readonly #guard: SpikeGuard | undefined;
  readonly #measure: StageMeasure;
  readonly #device: torch.Device;
  #step = 0;
  #skipped = 0;
  #hasCheckpoint = false;
  /** New keys of pictures by their keys in the newest checkpoint. */
  #renamed: ReadonlyMap<string, string> = new Map();
  /** Rollbacks to the newest checkpoint. */
  #rollbacks = 0;

  /** Throws if there are more processes than a step has passes. */
  constructor(
    seed: number,
    stage: ResolvedStage,
    task: StageTask,
    { world, processes }: Sharing = ALONE,
  ) {
    const trainable = new Map(task.groups.flatMap(({ parameters }) => [...parameters]));
    this.#world = world;
    const passes = passesOf(stage, { world, processes });
    this.#stage = stage;
    this.#task = task;
    this.#trainable = [...trainable.values()];
    this.#device = this.#trainable[0]?.device ?? "cpu";
    this.#measure = new StageMeasure(seed, stage, task, this.#device);
    const create = (groups: StageTask["groups"]): Optimizer =>
      createOptimizer(stage.optimizer, groups);
    this.#optimizer =
      stage.shardOptimizer && world.size > 1
        ? new ShardedOptimizer(world, task.groups, create)
        : create(task.groups);
    this.#ema = stage.ema === null ? undefined : new Ema(trainable, stage.ema);
    const share = { passes, first: world.rank, stride: world.size };
    this.#batches = new StageBatches(seed, stage, task, share);
    const [batches, ema, device] = [this.#batches, this.#ema, this.#device];
    this.#passes = new StepPasses({ stage, world, trainable, batches, ema, device, count: passes });
    this.#ledger = new PictureLossTracker(
      Array.from({ length: task.counts.train }, (_, id) => task.describe(id)),
    );
    this.#guard = stage.spikes === null ? undefined : new SpikeGuard(stage.spikes);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Contents for a checkpoint at this moment: the live tensors, not copies. All processes call this together. */
  tensors(): StageState["groups"] {
    const weights = new Map(
      [...this.#task.models].flatMap(([prefix, model]) => [...prefixed(prefix, model)]),
    );
    return new Map<string, ReadonlyMap<string, Tensor>>([
      ["weights", weights],
      ...(this.#ema === undefined ? [] : ([["ema", this.#ema.stateDict()]] as const)),
      ["optimizer", this.#optimizer.stateDict()],
      ["losses", this.#ledger.tensors()],
    ]);
  }

  #state(): StageState {
    return {
      step: this.#step,
      groups: this.tensors(),
      state: {
        skippedInARow: this.#skipped,
        skippedBatches: this.#batches.skipped.state(),
        rollbacks: this.#rollbacks,
        ...(this.#guard === undefined ? {} : { spikeWindow: this.#guard.state() }),
        ...(this.#measure.best === undefined ? {} : { best: { ...this.#measure.best } }),
      },
    };
  }

  /**
   * Copies a checkpoint's state and disposes of its tensors. Throws if a part is missing or does not fit.
   * @param renamed new keys of pictures by their keys in the checkpoint: see pictureKeys
   */
  restore(
    { step, groups, state }: StageState,
    renamed: ReadonlyMap<string, string> = new Map(),
  ): void {
    // Each part is freed once copied: otherwise all of them would be in memory twice, mapped and copied.
    const free = (tensors: ReadonlyMap<string, Tensor>): void => {
      for (const tensor of tensors.values()) tensor.dispose();
    };
    const take = (name: string, copy: (tensors: ReadonlyMap<string, Tensor>) => void): void => {
      const tensors = groups.get(name);
      if (tensors === undefined)
        throw new IncompatibleError(`The checkpoint of step ${step} lacks its part "${name}"`);
      copy(tensors);
      free(tensors);
    };
    take("weights", (weights) => {
      for (const [prefix, model] of this.#task.models)
        model.loadStateDict(unprefixed(prefix, weights));
    });
    if (this.#ema !== undefined) take("ema", (tensors) => this.#ema?.loadStateDict(tensors));
    take("optimizer", (tensors) => this.#optimizer.loadStateDict(tensors));
    // A checkpoint of an earlier version may have no picture losses that fit.
    const losses = groups.get("losses");
    if (losses === undefined || !this.#ledger.restore(losses, renamed)) this.#ledger.begin(step);
    // Also the parts that the stage no longer has, such as averages.
    for (const tensors of groups.values()) free(tensors);
    this.#renamed = renamed;
    this.#step = step;
    this.#skipped = Number(state.skippedInARow ?? 0);
    this.#batches.skipped.restore(state.skippedBatches ?? []);
    this.#rollbacks = Number(state.rollbacks ?? 0);
    this.#guard?.restore(state.spikeWindow ?? []);
    this.#measure.best = state.best as Best | undefined;
    this.#hasCheckpoint = true;
  }

  /**
   * Runs from the current step until the stage ends or the listener asks to stop; true if the stage is complete. A stage resumed
   * at its last step repeats the work that follows that step. If the run ended between an earlier step's checkpoint and its
   * sheet, the sheet is drawn now.
   */
  async run(listener: StageListener): Promise<boolean> {
    const { steps, sampleEvery } = this.#stage;
    torch.pageOut(this.#task.idle ?? []);
    if (this.#step === 0 && !(await this.#sample(listener))) return false;
    if (this.#step === steps) return this.#afterStep(listener);
    const isDue = this.#step > 0 && sampleEvery !== null && this.#step % sampleEvery === 0;
    const isLacking = isDue && this.#world.any(listener.lacksSample?.(this.#step) ?? false);
    if (isLacking && !(await this.#sample(listener))) return false;
    while (this.#step < steps) {
      const wentBack = !(await this.#trainStep(listener));
      if (!wentBack && !(await this.#afterStep(listener))) return false;
    }
    return true;
  }

  /** Validates, saves and samples if due after a step. False if the run has to stop; the step is then saved. */
  async #afterStep(listener: StageListener): Promise<boolean> {
    const { steps, sampleEvery, checkpointEvery, validateEvery } = this.#stage;
    const isLast = this.#step === steps;
    const isDue = (every: number | null): boolean =>
      isLast || (every !== null && this.#step % every === 0);
    // Yields once per step, so that signals and timers are handled.
    await nextTurn();
    const asked = askedOfAny(this.#world, listener);
    let stop = asked.stop && !isLast;
    const saves = stop || asked.save || isDue(checkpointEvery);
    const validates = isDue(validateEvery) && this.#measure.isWanted;
    if (!stop && (validates || (saves && this.#measure.keepsBest)))
      stop = !(await this.#validate(listener, saves));
    if (saves || stop) await this.#save(listener);
    if (stop) return false;
    if (!(asked.sample || isDue(sampleEvery)) || (await this.#sample(listener))) return true;
    if (!saves) await this.#save(listener);
    return false;
  }

  async #save(listener: StageListener): Promise<void> {
    this.#rollbacks = 0;
    listener.onActivity?.("saving");
    await this.#writeCheckpoint(listener);
    const { since } = this.#ledger;
    const pictures = this.#ledger.pictures();
    await listener.onPictureLosses?.(this.#step, since, pictures);
  }

  async #writeCheckpoint(listener: StageListener): Promise<void> {
    const { state, ...rest } = this.#state();
    await this.#world.first(async () => {
      const isLast = this.#step === this.#stage.steps;
      const facts = isLast ? await this.#averaged(() => this.#task.facts()) : {};
      const whole = { ...rest, state: { ...state, ...facts } };
      await listener.onCheckpoint(whole, this.#measure.best?.step);
    });
    this.#hasCheckpoint = true;
    this.#renamed = new Map(); // it uses the new names
  }

  /** Does a step. False if its loss spiked: the current step is then that of the newest checkpoint. */
  async #trainStep(listener: StageListener): Promise<boolean> {
    const { batchSize, gradientClip, schedule, steps, optimizer } = this.#stage;
    const lr = optimizer.lr * lrFactor(schedule, this.#step, steps);
    this.#optimizer.zeroGrad();
    const { losses, time } = await this.#passes.run(this.#step);
    const start = performance.now();
    const { loss, parts, samples } = losses.ofAll(this.#world, batchSize);
    const norm = gradNorm(this.#trainable);
    const applied = Number.isFinite(loss) && Number.isFinite(norm);
    const ratio = applied && this.#hasCheckpoint ? this.#guard?.spikeOf(samples) : undefined;
    const newest = ratio === undefined ? undefined : await listener.newestState?.();
    if (ratio !== undefined && newest !== undefined) {
      await this.#rollBack(listener, newest, { loss, ratio });
      return false;
    }
    if (applied) {
      this.#optimizer.step(lr, clipScale(norm, gradientClip));
      this.#ema?.update(this.#step);
      this.#guard?.add(samples);
      for (const { id, ...seen } of samples) this.#ledger.add(id, seen);
    }
    this.#optimizer.zeroGrad();
    const seconds = { ...time, optimizer: (performance.now() - start) / 1000 };
    this.#step += 1;
    this.#skipped = applied ? 0 : this.#skipped + 1;
    const images = batchSize * this.#passes.count;
    const bands = bandMeans(samples);
    const known = { step: this.#step, loss, parts, bands, lr, images, applied, seconds };
    listener.onStep({ ...known, gradNorm: norm });
    if (!applied) this.#noteSkipped(listener);
    return true;
  }

  /**
   * Rolls back to the newest checkpoint and skips the batches from there to the one whose loss spiked. That checkpoint is saved
   * again with the skipped batches, so a resumed run skips them too.
   */
  async #rollBack(
    listener: StageListener,
    newest: StageState,
    spike: Pick<Rollback, "loss" | "ratio">,
  ): Promise<void> {
    const spikeStep = this.#step + 1;
    const spikeBatch = this.#batches.skipped.at(this.#step);
    const pictures = this.#batches.pictures(this.#step);
    this.#optimizer.zeroGrad();
    this.restore(newest, this.#renamed);
    const skipped = [this.#batches.skipped.at(this.#step), spikeBatch + 1] as const;
    this.#batches.skip(...skipped);
    this.#rollbacks += 1;
    this.#world.barrier(); // all processes have read the checkpoint that is about to be replaced
    listener.onRollback?.({ ...spike, step: this.#step, spikeStep, skipped, pictures });
    await this.#writeCheckpoint(listener);
    requireProgress(this.#rollbacks, this.#step, this.#stage.name);
  }

  #noteSkipped(listener: StageListener): void {
    const ids = this.#batches.pictures(this.#step - 1);
    const what = `Step ${this.#step}: the loss or the gradient is not finite; nothing was changed. Its pictures: ${ids.join(", ")}`;
    listener.onWarning(what);
    requireSteps(this.#skipped);
  }

  /** Draws samples with the averaged weights in place. False if the listener stopped it. */
  #sample(listener: StageListener): Promise<boolean> {
    return this.#unlessStopped(listener, async () => {
      torch.releaseMemory(); // frees the steps' cached memory for what only samples need
      try {
        const onProgress: OnProgress = (...how) => listener.onActivity?.("sampling", ...how);
        listener.onActivity?.("sampling");
        const sheet = await this.#averaged(() => this.#task.sample(listener.signal, onProgress));
        await listener.onSample(this.#step, sheet);
      } finally {
        torch.pageOut(this.#task.idle ?? []);
      }
    });
  }

  /** Runs work in the first process that the listener may stop. False in all processes if it did. */
  async #unlessStopped(listener: StageListener, body: () => Promise<void>): Promise<boolean> {
    let wasStopped = false;
    await this.#world.first(async () => {
      try {
        await body();
      } catch (error) {
        if (!isStop(error, listener.signal)) throw error;
        wasStopped = true;
      }
    });
    return !this.#world.any(wasStopped);
  }

  #averaged<T>(body: () => Promise<T>): Promise<T> {
    return this.#ema === undefined ? body() : this.#ema.swapped(body);
  }

  /** Measures the averaged weights' loss. False if the listener stopped it. */
  #validate(listener: StageListener, saves: boolean): Promise<boolean> {
    return this.#unlessStopped(listener, async () => {
      const onProgress: OnProgress = (...how) => listener.onActivity?.("validation", ...how);
      const losses = await this.#averaged(() => this.#measure.losses(listener.signal, onProgress));
      listener.onValidation(this.#step, losses);
      if (saves) this.#measure.consider(this.#step, losses);
    });
  }

  /** Frees the memory of the optimizer and the averages. */
  dispose(): void {
    this.#optimizer.dispose();
    this.#ema?.dispose();
    this.#ledger.dispose();
    this.#passes.dispose();
  }
}
