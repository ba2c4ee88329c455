import type { DType, Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BadFileError } from "../weights/index.ts";
import { readNpy } from "../weights/numpy/npy.ts";
import { readNpz } from "../weights/numpy/npz.ts";
import type { TensorBytes } from "../weights/safetensors/safetensors-bytes.ts";

// Features as written by tools/extract_features.py of PixArt-alpha and PixArt-sigma.
// Shapes: L tokens with padding, n real ones, D width of the text encoder, C channels of a latent of h × w.

/** Required shape of a caption's states. */
export interface CaptionFeatureShape {
  /** D */
  readonly width: number;
  /** n, according to the tokenizer that the file was made for. */
  readonly tokens: number;
  readonly dtype: DType;
}

/** Required shape of a picture's moments. */
export interface LatentFeatureShape {
  /** [C, h, w] */
  readonly shape: readonly number[];
  readonly dtype: DType;
}

const NOT_FINITE = ["finite numbers", "NaN or an infinity"] as const;

const describe = ({ dtype, shape }: TensorBytes): string =>
  `${dtype} of shape [${shape.join(", ")}]`;

const isShape = (array: TensorBytes, shape: readonly number[]): boolean =>
  torch.isFloatingPoint(array.dtype) && array.shape.join() === shape.join();

const isAllFinite = (values: Tensor): boolean =>
  torch.tidy(() => values.isfinite().all().item()) !== 0;

const tensorOf = ({ bytes, dtype, shape }: TensorBytes): Tensor =>
  torch.fromBytes(bytes, dtype, shape);

/**
 * The states (1, n, D) of a caption's real tokens, from an `.npz` with `caption_feature` (1, L, D) and `attention_mask` (1, L);
 * without a mask all tokens are real, as in PixArt's loaders. Throws BadFileError if it does not fit.
 */
export function readCaptionFeature(
  path: string,
  { width, tokens, dtype }: CaptionFeatureShape,
): Tensor {
  const arrays = readNpz(path, ["caption_feature", "attention_mask"]);
  const feature = arrays.get("caption_feature");
  if (feature === undefined) {
    throw new BadFileError(path, "zip", "an array caption_feature", "none of that name");
  }
  const { 1: length = 0 } = feature.shape;
  if (!isShape(feature, [1, length, width])) {
    const expected = `floating-point numbers of shape [1, L, ${width}], as the text encoder gives`;
    throw new BadFileError(path, "caption_feature", expected, describe(feature));
  }
  const mask = arrays.get("attention_mask");
  const real = mask === undefined ? length : realTokens(path, mask, length);
  if (real !== tokens) {
    throw new BadFileError(
      path,
      mask === undefined ? "caption_feature" : "attention_mask",
      `${tokens} real tokens, as the tokenizer gives for the caption`,
      `${real}`,
      "it was made from another caption, or with another tokenizer, limit or cleaning",
    );
  }
  return torch.tidy(() => {
    const states = tensorOf(feature).narrow(1, 0, tokens).to({ dtype }).contiguous();
    if (!isAllFinite(states)) throw new BadFileError(path, "caption_feature", ...NOT_FINITE);
    return states;
  });
}

/** Number of tokens marked by a mask (1, L) of ones followed by zeros. */
function realTokens(path: string, mask: TensorBytes, length: number): number {
  if (mask.shape.join() !== `1,${length}`) {
    throw new BadFileError(path, "attention_mask", `shape [1, ${length}]`, describe(mask));
  }
  const marks = torch.tidy(() => tensorOf(mask).to({ dtype: "float32" }).toFloat32Array());
  const real = marks.findIndex((mark) => mark !== 1);
  const count = real === -1 ? length : real;
  if (marks.subarray(count).some((mark) => mark !== 0)) {
    throw new BadFileError(path, "attention_mask", "ones and then zeros", "another order");
  }
  return count;
}

/**
 * Mean and deviation, (1, C, h, w) each, of a picture's latent, from an `.npy` with both (2C, h, w), unscaled. Throws
 * BadFileError if they do not fit.
 */
export function readLatentFeature(
  path: string,
  { shape: [channels = 0, height = 0, width = 0], dtype }: LatentFeatureShape,
): [mean: Tensor, std: Tensor] {
  const moments = readNpy(path);
  if (!isShape(moments, [2 * channels, height, width])) {
    const shape = `[${2 * channels}, ${height}, ${width}]`;
    const expected = `mean and deviation as floating-point numbers of shape ${shape}`;
    throw new BadFileError(path, "array", expected, describe(moments));
  }
  return torch.tidy((): [Tensor, Tensor] => {
    const both = tensorOf(moments).to({ dtype }).unsqueeze(0);
    if (!isAllFinite(both)) throw new BadFileError(path, "array", ...NOT_FINITE);
    const [mean, std] = [both.narrow(1, 0, channels), both.narrow(1, channels, channels)];
    const least = std.amin().item();
    if (least < 0) {
      const expected = `deviations of 0 or more in the last ${channels} channels`;
      const advice = "PixArt's files contain the deviation and not its logarithm";
      throw new BadFileError(path, "array", expected, `${least}`, advice);
    }
    return [mean.contiguous(), std.contiguous()];
  });
}
