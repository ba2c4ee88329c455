import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/** Scalar arithmetic of one precision: every result of + − × ÷ goes through `round`. */
export interface Arithmetic {
  readonly round: (value: number) => number;
  readonly exp: (value: number) => number;
  readonly sqrt: (value: number) => number;
}

const applied =
  (operator: (x: Tensor) => Tensor) =>
  (value: number): number =>
    torch.tidy(() => operator(torch.tensor([value])).item());

/** Rounds to float32. */
export const f32 = Math.fround;
/** e^x in float32, as libtorch computes it. */
export const exp32: (value: number) => number = applied((x) => x.exp());
/** e^x − 1 in float32, as libtorch computes it. */
export const expm132: (value: number) => number = applied((x) => x.expm1());
/** ln x in float32, as libtorch computes it. */
export const log32: (value: number) => number = applied((x) => x.log());

/** √x in float32, as libtorch computes it, which is not always the nearest number. */
export const sqrt32: (value: number) => number = applied((x) => x.sqrt());

/**
 * The arithmetic of diffusers' scalars. Rounding a float64 result to float32 after each of + − × ÷ gives the bits of the float32
 * operation; for the rest, libtorch's own functions are used.
 */
export const float32: Arithmetic = { round: f32, exp: exp32, sqrt: sqrt32 };
/** The arithmetic of the tables in the paper's code. */
export const float64: Arithmetic = { round: (value) => value, exp: Math.exp, sqrt: Math.sqrt };
