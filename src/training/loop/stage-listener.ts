import type { Tensor } from "../../torch/index.ts";
import type { JsonValue } from "../contract/checkpoint-manifest.ts";
import type { SampleSheet, Split } from "../contract/stage-task.ts";
import type { PictureLoss } from "../run-folder/picture-losses-file.ts";
import type { MeasuredLoss } from "./measure-loss.ts";
import type { BatchRange } from "./skipped-batches.ts";

/** What one optimizer step did. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  /** The loss by band of timesteps; empty where the stage has none. */
  readonly bands: Readonly<Record<string, number>>;
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

/** A step whose loss leapt: it changed nothing, and the run went back. */
export interface Rollback {
  /** Steps done at the checkpoint that the run went back to. */
  readonly step: number;
  /** The step that was being done. */
  readonly spikeStep: number;
  readonly loss: number;
  /** How many times the usual at its timesteps. */
  readonly ratio: number;
  /** Batches of the stage that are passed over from now on, from the first to before the second. */
  readonly skipped: BatchRange;
  /** Of the step whose loss leapt. */
  readonly pictures: readonly string[];
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
  /** Whether the sheet of a step that is done is not there; where left out, all are. */
  lacksSample?(step: number): boolean;
  onValidation(step: number, losses: Readonly<Partial<Record<Split, MeasuredLoss>>>): void;
  /** Saves. `best` is the step of the checkpoint that had the lowest loss on held-out pictures so far, this one or an earlier. */
  onCheckpoint(state: StageState, best: number | undefined): Promise<void>;
  /** After a checkpoint: what is known of each training picture, from the step `since` on. */
  onPictureLosses?(step: number, since: number, pictures: readonly PictureLoss[]): void;
  onRollback?(rollback: Rollback): void;
  /**
   * The state of the newest checkpoint; the loop disposes of its tensors. Asked for only where there is one. Where nobody
   * keeps checkpoints, losses that leap go unguarded.
   */
  newestState?(): Promise<StageState>;
  /** What takes long between steps, and how much of it is done, where that is known. */
  onActivity?(what: "sampling" | "validation" | "saving", done?: number, total?: number): void;
  /** What is wanted at this step's end beside what is due. Asked once a step, before {@link shouldStop}. */
  asked?(): { readonly save: boolean; readonly sample: boolean };
  /** Whether to save and stop at this step's end. */
  shouldStop(): boolean;
  /** Ends what takes long between steps, a sheet or a measurement, once it is asked for. */
  readonly signal?: AbortSignal;
}
