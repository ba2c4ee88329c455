import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/** One number per row, as a (B, 1, …) tensor of `like`'s rank, dtype and device. Throws if their count differs from B. */
export function columnOf(values: readonly number[], like: Tensor): Tensor {
  const [rows, ...rest] = like.shape;
  if (values.length !== rows) {
    throw expected(`${rows} values (one per row)`, "timesteps", values.length);
  }
  return torch
    .fromTypedArray(Float32Array.from(values), [rows, ...rest.map(() => 1)])
    .to({ dtype: like.dtype, device: like.device });
}
