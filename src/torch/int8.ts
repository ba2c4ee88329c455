/** Products of 8-bit integers on the CPU, using the oneDNN in libtorch. */
import { native } from "./binding.ts";
import { dtypeCode } from "./dtype.ts";
import { full } from "./factories.ts";
import { cat, ones, zeros } from "./ops.gen.ts";
import { tidy } from "./scope.ts";
import type { Tensor } from "./tensor.ts";
import { wrap, wrapAll } from "./wrap.ts";

// Shapes: I inputs, O outputs.

interface Operators {
  readonly pack: number;
  readonly multiply: number;
  readonly round: number;
  readonly scale: number;
}

let operators: Operators | undefined;

/** Resolved on first use: builds of libtorch without oneDNN lack them. */
function resolved(): Operators {
  if (operators !== undefined) return operators;
  operators = {
    pack: native.resolve("onednn::qlinear_prepack"),
    multiply: native.resolve("onednn::qlinear_pointwise"),
    round: native.resolve("pixart::rounded_rows"),
    scale: native.resolve("pixart::scaled_rows"),
  };
  return operators;
}

const pack = (weight: Tensor): Tensor => wrap(native.call(resolved().pack, weight.handle, null));

/** Sums of (x − zero) · weight, times the weight's scale, for uint8 x. → float32 */
const multiply = (x: Tensor, zero: number, { packed, scale, zeroPoint }: Int8Weight): Tensor =>
  wrap(
    native.call(
      resolved().multiply,
      x.handle,
      1, // x's scale, applied by the caller, because each row has its own
      zero,
      packed.handle,
      scale.handle,
      zeroPoint.handle,
      null, // bias
      1, // the output's scale
      0, // the output's zero point
      dtypeCode("float32"),
      "none", // no operator is fused
      [],
      "",
    ),
  );

/** A matrix of 8-bit integers for {@link int8Linear}. */
export interface Int8Weight {
  /** (I, O) int8, packed for the processor: only products can read it. */
  readonly packed: Tensor;
  /** (O) float32: the step size of each row's integers. */
  readonly scale: Tensor;
  /** (O) int64, all 0. */
  readonly zeroPoint: Tensor;
}

/** Number of rows rounded at a time, so that their floats stay in the processor's cache. */
const ROWS = 1024;

/** Rounds (O, I) floats to 8-bit integers with one scale per row. */
export function int8Weight(weight: Tensor): Int8Weight {
  return tidy(() => {
    const parts = weight.split(ROWS).map((rows) =>
      tidy(() => {
        const { integers, scale } = toInt8(rows);
        return { integers: integers.to({ dtype: "int8" }), scale };
      }),
    );
    const [outputs = 0] = weight.shape;
    return {
      packed: pack(cat(parts.map(({ integers }) => integers))),
      scale: cat(parts.map(({ scale }) => scale)).squeeze(-1),
      zeroPoint: zeros([outputs], { dtype: "int64" }),
    };
  });
}

/** x Wᵀ + b for floats (…, I) and b (O): each row of x is rounded to 8-bit integers with its own scale. → (…, O), in x's dtype */
export const int8Linear = (x: Tensor, weight: Int8Weight, bias?: Tensor): Tensor =>
  tidy(() => {
    const [bytes, scale] = wrapAll(native.call(resolved().round, x.handle)) as [Tensor, Tensor];
    const { handle } = products(bytes, weight);
    const given = [handle, scale.handle, bias?.handle, dtypeCode(x.dtype)] as const;
    return wrap(native.call(resolved().scale, ...given));
  });

/** The zero point of unsigned bytes for integers from -127 to 127. */
const ZERO = 128;

/**
 * Exact sums of such bytes with a weight's integers, times its scale. oneDNN is fast for unsigned times signed integers; some of
 * its products of two signed ones are 100 times slower.
 */
function products(bytes: Tensor, weight: Int8Weight): Tensor {
  if (sumsWholeBytes()) return multiply(bytes, ZERO, weight);
  // Two products of halves, 0 to 128 above their zero, fit into 16 bits: 2 · 128 · 127 < 2¹⁵.
  const lower = bytes.floorDivide(2);
  return multiply(lower, ZERO / 2, weight).add_(multiply(bytes.sub(lower), ZERO / 2, weight));
}

/** Integers from -127 to 127 along the last dimension, and the step size of each row. */
function toInt8(x: Tensor): { integers: Tensor; scale: Tensor } {
  const wide = x.float();
  // The smallest normal number, so that a row of zeros isn't divided by 0.
  const scale = wide.abs().amax([-1], true).div(127).clamp({ min: 1.1754943508222875e-38 });
  return { integers: wide.div(scale).round(), scale };
}

let wholeBytes: boolean | undefined;

/**
 * Whether products of whole bytes are summed exactly. Instruction sets older than VNNI add two of them in 16 bits, which
 * overflow.
 */
function sumsWholeBytes(): boolean {
  const inputs = 64;
  wholeBytes ??= tidy(() => {
    const x = full([16, inputs], 255, { dtype: "uint8" });
    const packed = pack(full([16, inputs], 127, { dtype: "int8" }));
    const zeroPoint = zeros([16], { dtype: "int64" });
    const sums = multiply(x, 128, { packed, scale: ones([16]), zeroPoint }); // (16, 16)
    return (
      sums
        .eq(127 * 127 * inputs)
        .all()
        .item() === 1
    );
  });
  return wholeBytes;
}
