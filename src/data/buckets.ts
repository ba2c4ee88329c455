import { expected } from "../errors/index.ts";
import { allBins1024, bins2880 } from "../images/resolution-table.ts";

/** Width and height in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A training size for pictures of a certain aspect ratio. */
export interface Bucket extends PictureSize {
  /** The table's key, height over width, rounded: pictures are compared with it. */
  readonly ratio: number;
}

/** Sides in pixels of the square sizes that PixArt has tables for. */
export const BUCKET_SIZES: readonly number[] = [256, 512, 1024, 2048, 2880];

/** The 40 training sizes around a square one, by increasing ratio. Throws for a size without a table. */
export function trainingBuckets(size: number): readonly Bucket[] {
  if (!BUCKET_SIZES.includes(size)) {
    throw expected(`one of ${BUCKET_SIZES.join(", ")}`, "size", size);
  }
  const [bins, scale] = size === 2880 ? [bins2880, 1] : [allBins1024, size / 1024];
  return bins.map(([ratio, height, width]) => ({
    ratio,
    width: width * scale,
    height: height * scale,
  }));
}

/** The bucket with the nearest ratio; on a tie the wider one, as in PixArt's `get_closest_ratio`. */
export function nearestBucket({ width, height }: PictureSize, buckets: readonly Bucket[]): Bucket {
  const ratio = height / width;
  return buckets.reduce((best, bucket) =>
    Math.abs(bucket.ratio - ratio) < Math.abs(best.ratio - ratio) ? bucket : best,
  );
}

/** How training uses one bucket in an epoch. */
export interface PlannedBucket extends Bucket {
  readonly images: number;
  readonly batches: number;
  /** Different pictures in its last batch, which is filled with others of the bucket if it is incomplete. */
  readonly lastBatch: number;
}

/** How pictures are divided into batches of one size each. */
export interface BucketPlan {
  /** Buckets that have pictures, by increasing ratio. */
  readonly buckets: readonly PlannedBucket[];
  readonly batches: number;
  /** Mean number of different pictures per batch: below the batch size if batches had to be filled. */
  readonly effectiveBatch: number;
  /** Pictures that an epoch repeats to fill all batches. */
  readonly repeats: number;
  /** Pictures that are in no batch: 0, since last batches are filled. */
  readonly dropped: number;
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
    const bucket = nearestBucket(size, buckets);
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
    dropped: sizes.length - planned.reduce((sum, { images }) => sum + images, 0),
  };
}
