import * as torch from "../../torch/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import type { OnProgress, Split, StageLoss, StageTask } from "../contract/stage-task.ts";
import { untilStopped } from "../contract/stopped.ts";
import { bandMeans, type TimestepLoss } from "../contract/timestep-bands.ts";
import { batchesOfOneKind } from "../dataset/bucket-order.ts";

/** The loss on a set of pictures at fixed timesteps and noise. */
export interface MeasuredLoss {
  readonly loss: number;
  /** By timestep band, such as `0-249`; empty if the stage has no timesteps. */
  readonly bands: Readonly<Record<string, number>>;
}

/** Options of {@link measureLoss}. */
export interface MeasureOptions {
  readonly seed: number;
  readonly batchSize: number;
  /** Number of pictures measured, each with its own timestep and noise. */
  readonly samples: number;
  /** Computes a batch's loss in the training precision. */
  readonly compute: (loss: () => StageLoss) => StageLoss;
  /** Called with the number of pictures measured and the total. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops the measurement between two batches. */
  readonly signal?: AbortSignal | undefined;
}

/** Measures a split, with the same pictures, timesteps and noise on every call. Throws the signal's reason if it is aborted. */
export async function measureLoss(
  task: StageTask,
  split: Split,
  { seed, batchSize, samples: total, compute, onProgress, signal }: MeasureOptions,
): Promise<MeasuredLoss> {
  const count = task.counts[split];
  const buckets = task.buckets?.[split];
  const batches = batchesOfOneKind(
    Array.from({ length: total }, (_, i) => i),
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
    onProgress?.(measured, total);
  }
  return { loss: sum / total, bands: bandMeans(seen) };
}
