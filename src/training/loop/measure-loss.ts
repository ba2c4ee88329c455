import * as torch from "../../torch/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import type { OnProgress, Split, StageLoss, StageTask } from "../contract/stage-task.ts";
import { untilStopped } from "../contract/stopped.ts";
import { bandMeans, type TimestepLoss } from "../contract/timestep-bands.ts";
import { batchesOfOneKind } from "../dataset/bucket-order.ts";

/** The loss on some pictures at fixed timesteps and noise. */
export interface MeasuredLoss {
  readonly loss: number;
  /** By band of timesteps, such as `0-249`; empty where the stage has no timesteps. */
  readonly bands: Readonly<Record<string, number>>;
}

/** How a loss is measured. */
export interface MeasureOptions {
  readonly seed: number;
  readonly batchSize: number;
  /** Computes a batch's loss in the precision of the training. */
  readonly compute: (loss: () => StageLoss) => StageLoss;
  /** Told how many of how many pictures are measured. */
  readonly onProgress?: OnProgress | undefined;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal | undefined;
}

/** Pictures whose loss is measured, each at one timestep and noise of its own. */
const SAMPLES = 256;

/** Measures a split: the same pictures, timesteps and noise at every call. Throws the reason of a signal that is aborted. */
export async function measureLoss(
  task: StageTask,
  split: Split,
  { seed, batchSize, compute, onProgress, signal }: MeasureOptions,
): Promise<MeasuredLoss> {
  const count = task.counts[split];
  const buckets = task.buckets?.[split];
  const batches = batchesOfOneKind(
    Array.from({ length: SAMPLES }, (_, i) => i),
    (position) => buckets?.[position % count],
    batchSize,
  );
  let sum = 0;
  let measured = 0;
  const seen: TimestepLoss[] = [];
  for (const [index, positions] of batches.entries()) {
    await untilStopped(signal);
    const batch = await task.load({
      split,
      index,
      ids: positions.map((position) => position % count),
      draws: new SampleRng(seed, "validation", positions),
      isMeasured: true,
    });
    torch.noGrad(() =>
      torch.tidy(() => {
        const { loss, samples } = compute(() => batch.loss());
        sum += loss.item() * positions.length;
        const values = samples.values.toFloat32Array();
        for (const [i, timestep] of (samples.timesteps ?? []).entries())
          seen.push({ loss: values[i] ?? 0, timestep });
      }),
    );
    measured += positions.length;
    onProgress?.(measured, SAMPLES);
  }
  return { loss: sum / SAMPLES, bands: bandMeans(seen) };
}
