/** Operators that take their parameters as arguments, as `torch.nn.functional` does. */
import { InvalidValueError } from "../errors/index.ts";
import { upsampleBicubic2d, upsampleBilinear2d, upsampleNearest2d } from "./ops.gen.ts";
import type { Tensor } from "./tensor.ts";

export {
  attention,
  avgPool2d,
  conv2d,
  crossEntropy,
  dropout,
  embedding,
  fold,
  gatedResidual,
  gelu,
  groupNorm,
  groupNormSilu,
  huberLoss,
  l1Loss,
  layerNorm,
  linear,
  maxPool2d,
  modulatedNorm,
  mseLoss,
  pad,
  relu,
  rmsNorm,
  scaledDotProductAttention,
  silu,
  softmax,
  unfold,
} from "./ops.gen.ts";

/** Options of {@link interpolate}. Exactly one of the two gives the new size. */
export interface InterpolateOptions {
  readonly size?: readonly [number, number];
  readonly scaleFactor?: number;
  readonly mode?: "nearest" | "bilinear" | "bicubic";
}

/** Resizes (B, C, H, W) pictures; `align_corners` false, no antialias. */
export function interpolate(
  x: Tensor,
  { size, scaleFactor, mode = "nearest" }: InterpolateOptions,
): Tensor {
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new InvalidValueError("Expected either size or scaleFactor for interpolate()");
  }
  const factors = scaleFactor === undefined ? undefined : [scaleFactor, scaleFactor];
  if (mode === "nearest") return upsampleNearest2d(x, size, factors);
  const upsample = mode === "bilinear" ? upsampleBilinear2d : upsampleBicubic2d;
  return upsample(x, size, false, factors);
}
