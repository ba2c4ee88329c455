import type { ResolvedStage } from "../../config/index.ts";
import type * as torch from "../../torch/index.ts";
import type { OnProgress, Split, StageTask } from "../contract/stage-task.ts";
import { inPrecision } from "./in-precision.ts";
import { type MeasuredLoss, measureLoss } from "./measure-loss.ts";
import { keepsBest, validates } from "./validations.ts";

/** Held-out loss of the best checkpoint so far. */
export interface Best {
  readonly step: number;
  readonly loss: number;
}

/** Measures a stage's losses, always on the same pictures, timesteps and noise, and remembers which checkpoint was best. */
export class StageMeasure {
  readonly #seed: number;
  readonly #stage: ResolvedStage;
  readonly #task: StageTask;
  readonly #device: torch.Device;
  best: Best | undefined;

  constructor(seed: number, stage: ResolvedStage, task: StageTask, device: torch.Device) {
    this.#seed = seed;
    this.#stage = stage;
    this.#task = task;
    this.#device = device;
  }

  /** Whether checkpoints need a held-out loss, because the best one is kept. */
  get keepsBest(): boolean {
    return keepsBest(this.#stage, this.#task.counts);
  }

  /** Whether to validate when it is due. */
  get isWanted(): boolean {
    return validates(this.#stage, this.#task.counts);
  }

  /** The current weights' loss on each split that has pictures. Throws the signal's reason if it is aborted. */
  async losses(
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<Partial<Record<Split, MeasuredLoss>>> {
    const losses: Partial<Record<Split, MeasuredLoss>> = {};
    for (const split of ["train", "heldout"] as const) {
      if (this.#task.counts[split] === 0) continue;
      losses[split] = await measureLoss(this.#task, split, {
        seed: this.#seed,
        batchSize: this.#stage.batchSize,
        samples: this.#stage.validationSamples,
        compute: (loss) => inPrecision(this.#stage, this.#device, loss),
        signal,
        onProgress,
      });
    }
    return losses;
  }

  /** Records the loss of a step whose checkpoint is about to be written. */
  consider(step: number, { heldout }: Partial<Record<Split, MeasuredLoss>>): void {
    if (!this.keepsBest || heldout === undefined) return;
    if (heldout.loss < (this.best?.loss ?? Number.POSITIVE_INFINITY))
      this.best = { step, loss: heldout.loss };
  }
}
