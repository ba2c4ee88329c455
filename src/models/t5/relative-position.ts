import { arange, type Device, type Tensor, tidy, where } from "../../torch/index.ts";

export interface RelativePositionOptions {
  readonly numBuckets: number;
  readonly maxDistance: number;
  readonly device: Device;
}

/**
 * Bucket of every key's position relative to every query's: (L, L) int64, queries first. Half of the buckets are for keys before
 * the query and half for those after it; near ones have a bucket each, farther ones share buckets that widen with the logarithm
 * of the distance (Raffel et al. 2019, section 2.1; Mesh TensorFlow `transformer_layers.py`).
 */
export const relativePositionBuckets = (
  length: number,
  { numBuckets, maxDistance, device }: RelativePositionOptions,
): Tensor =>
  tidy(() => {
    const perSide = numBuckets / 2;
    const exact = perSide / 2;
    const position = arange(0, length, 1, { dtype: "int64", device }); // (L)
    const relative = position.unsqueeze(0).sub(position.unsqueeze(1)); // (L, L): key − query
    const distance = relative.abs();
    const far = distance
      .float()
      .div(exact)
      .log()
      .div(Math.log(maxDistance / exact))
      .mul(perSide - exact)
      .to({ dtype: "int64" })
      .add(exact)
      .clamp({ max: perSide - 1 });
    const side = relative.gt(0).to({ dtype: "int64" }).mul(perSide);
    return where(distance.lt(exact), distance, far).add(side);
  });
