import { expected } from "../errors/index.ts";
import {
  nearestShape,
  SIZE_TABLES,
  TABLE_SIDES,
  type TableSize,
} from "../images/resolution-table.ts";

/** Width and height in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A training size for pictures of a certain aspect ratio: the ratio is the one that pictures are compared with. */
export type Bucket = TableSize;

/** The 40 training sizes around a square one, by increasing ratio. Throws for a size without a table. */
export function trainingBuckets(size: number): readonly Bucket[] {
  const table = SIZE_TABLES.get(size);
  if (table === undefined) throw expected(`one of ${TABLE_SIDES.join(", ")}`, "size", size);
  return table.trained;
}

/** How training uses one bucket in an epoch. */
export interface PlannedBucket extends Bucket {
  readonly images: number;
  readonly batches: number;
  /** Different pictures in its last batch, which is filled with others of the bucket if it is incomplete. */
  readonly lastBatch: number;
}

/** How pictures are divided into batches of one size each; all of them are, since last batches are filled. */
export interface BucketPlan {
  /** Buckets that have pictures, by increasing ratio. */
  readonly buckets: readonly PlannedBucket[];
  readonly batches: number;
  /** Mean number of different pictures per batch: below the batch size if batches had to be filled. */
  readonly effectiveBatch: number;
  /** Pictures that an epoch repeats to fill all batches. */
  readonly repeats: number;
}

/** Plans an epoch over pictures of these sizes. */
export function planBuckets(
  sizes: readonly PictureSize[],
  buckets: readonly Bucket[],
  batch: number,
): BucketPlan {
  if (!(Number.isInteger(batch) && batch > 0)) {
    throw expected("a whole number above 0", "batch", batch);
  }
  const counts = new Map<Bucket, number>();
  for (const size of sizes) {
    const bucket = nearestShape(size, buckets);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const planned = buckets.flatMap((bucket): PlannedBucket[] => {
    const images = counts.get(bucket);
    if (images === undefined) return [];
    const batches = Math.ceil(images / batch);
    return [{ ...bucket, images, batches, lastBatch: images - (batches - 1) * batch }];
  });
  const batches = planned.reduce((sum, bucket) => sum + bucket.batches, 0);
  return {
    buckets: planned,
    batches,
    effectiveBatch: batches === 0 ? 0 : sizes.length / batches,
    repeats: batches * batch - sizes.length,
  };
}
