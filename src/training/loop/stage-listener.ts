import type { Tensor } from "../../torch/index.ts";
import type { JsonValue } from "../contract/checkpoint-manifest.ts";
import type { SampleSheet, Split } from "../contract/stage-task.ts";
import type { PictureLoss } from "../run-folder/picture-losses-file.ts";
import type { MeasuredLoss } from "./measure-loss.ts";
import type { BatchRange } from "./skipped-batches.ts";

/** Outcome of one optimizer step. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  /** The loss by timestep band; empty if the stage has no timesteps. */
  readonly bands: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly lr: number;
  readonly images: number;
  /** False if the loss or the gradient was not finite: then nothing was changed. */
  readonly applied: boolean;
  readonly seconds: {
    readonly data: number;
    readonly forward: number;
    readonly backward: number;
    readonly optimizer: number;
  };
}

/** A step whose loss spiked: it changed nothing, and the run rolled back. */
export interface Rollback {
  /** Steps done at the checkpoint that the run rolled back to. */
  readonly step: number;
  /** The step that spiked. */
  readonly spikeStep: number;
  readonly loss: number;
  /** Multiple of the usual loss at its timesteps. */
  readonly ratio: number;
  /** Batches of the stage that are skipped from now on; the end is exclusive. */
  readonly skipped: BatchRange;
  /** Pictures of the step that spiked. */
  readonly pictures: readonly string[];
}

/** Tensors and facts of a checkpoint. */
export interface StageState {
  readonly step: number;
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  readonly state: { readonly [key: string]: JsonValue };
}

/** What the loop reports and asks while it runs. Each call is awaited. */
export interface StageListener {
  onStep(report: StepReport): void;
  onWarning(message: string): void;
  onSample(step: number, sheet: SampleSheet): Promise<void>;
  /** Whether the sheet of a finished step is missing; if not implemented, none is. */
  lacksSample?(step: number): boolean;
  onValidation(step: number, losses: Readonly<Partial<Record<Split, MeasuredLoss>>>): void;
  /** Saves. `best` is the step of the checkpoint with the lowest held-out loss so far, this one or an earlier one. */
  onCheckpoint(state: StageState, best: number | undefined): Promise<void>;
  /** Called after a checkpoint with the statistics of each training picture since the step `since`. */
  onPictureLosses?(step: number, since: number, pictures: readonly PictureLoss[]): Promise<void>;
  onRollback?(rollback: Rollback): void;
  /**
   * The state of the newest checkpoint, called only if there is one; the loop disposes of its tensors. Without this method there
   * is no protection against loss spikes.
   */
  newestState?(): Promise<StageState>;
  /** Long work between steps, and its progress if known. */
  onActivity?(what: "sampling" | "validation" | "saving", done?: number, total?: number): void;
  /** Requests for this step's end besides what is due. Called once per step, before {@link shouldStop}. */
  asked?(): { readonly save: boolean; readonly sample: boolean };
  /** Whether to save and stop at this step's end. */
  shouldStop(): boolean;
  /** Aborted to end long work between steps, such as a sheet or a measurement. */
  readonly signal?: AbortSignal;
}
