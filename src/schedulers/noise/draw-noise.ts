import { expected } from "../../errors/index.ts";
import type { Generator, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/** Source of a sampler's noise: one generator for the whole batch, or one per row. */
export type NoiseSource = Generator | readonly Generator[];

/**
 * Standard normal noise of `like`'s shape, dtype and device, drawn as diffusers' `randn_tensor` draws it: on the generator's
 * device, row by row if there are several, so that equal seeds give equal pictures.
 */
export function drawNoise(
  like: Tensor,
  source: NoiseSource | undefined,
  dtype: torch.DType = like.dtype,
): Tensor {
  const [rows = 1, ...rest] = like.shape;
  const draw = (count: number, generator: Generator | undefined): Tensor =>
    torch.randn([count, ...rest], { generator, dtype, device: generator?.device ?? like.device });
  if (source === undefined || source instanceof torch.Generator) {
    return draw(rows, source).to({ device: like.device });
  }
  if (source.length !== rows) {
    throw expected(`${rows} generators (one per row)`, "generator", source.length);
  }
  return torch.cat(source.map((generator) => draw(1, generator))).to({ device: like.device });
}
