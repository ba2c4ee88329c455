import type { Tensor } from "../../torch/index.ts";
import type { ClippingConfig, ThresholdingConfig } from "../config/common-fields.ts";

/** x0 restricted as the config says: by a threshold per sample, to a fixed range, or not at all. A new tensor. */
export function restrictOriginal(
  original: Tensor,
  config: Partial<ThresholdingConfig & ClippingConfig>,
): Tensor {
  const { thresholding, dynamicThresholdingRatio: ratio = 0.995, sampleMaxValue = 1 } = config;
  if (thresholding === true) return dynamicallyThresholded(original, ratio, sampleMaxValue);
  const { clipSample, clipSampleRange: range = 1 } = config;
  return clipSample === true ? original.clamp({ min: -range, max: range }) : original;
}

/**
 * Dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487, section 2.3): each sample (1, …) of `original` is clipped to the
 * threshold s, the quantile `ratio` of its absolute values, and divided by it; s is at least 1, unless `most` is less.
 */
function dynamicallyThresholded(original: Tensor, ratio: number, most: number): Tensor {
  const [rows = 1, ...rest] = original.shape;
  const values = original.float().reshape([rows, -1]); // (B, N)
  const threshold = quantile(values.abs(), ratio).clamp({ min: 1 }).clamp({ max: most }); // (B, 1)
  return values
    .minimum(threshold)
    .maximum(threshold.neg())
    .div(threshold)
    .reshape([rows, ...rest])
    .to({ dtype: original.dtype });
}

/** The quantile of each row (B, N) → (B, 1), interpolated linearly between the two nearest values. */
function quantile(values: Tensor, ratio: number): Tensor {
  const last = values.size(1) - 1;
  const rank = Math.fround(Math.fround(ratio) * last);
  const low = Math.floor(rank);
  const [sorted] = values.sort(1);
  const at = (index: number): Tensor => sorted.narrow(1, Math.min(index, last), 1);
  return at(low).lerp(at(low + 1), rank - low);
}
