import { UnsupportedError } from "../../../errors/index.ts";
import { init, Linear, type ProductLayer } from "../../../nn/index.ts";
import * as torch from "../../../torch/index.ts";
import { functional as F, type Tensor } from "../../../torch/index.ts";
import type { OFTConfig } from "../config/config.ts";
import { hasKernel } from "./loha.ts";
import {
  AdapterPart,
  type AdapterState,
  type Compute,
  type PartPlan,
  type TensorPlan,
} from "./part.ts";

// Shapes: G blocks of b inputs each, (G, b(b−1)/2) learned values: those above the diagonal, row by row.

const R = "oft_R.weight";

interface Rotation {
  readonly blockSize: number;
  /** Powers of the series, or undefined for the exact transform. */
  readonly terms: number | undefined;
  /** Constrained OFT: how far all blocks together may be from the identity; undefined if unconstrained. */
  readonly radius: number | undefined;
}

/** Rotates the input's blocks by orthogonal matrices. */
class OFTPart extends AdapterPart {
  readonly #rotation: Rotation;
  /** Positions of the learned values in a flattened block: (b(b−1)/2). */
  readonly places: Tensor;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, rotation: Rotation) {
    super(state, tensors);
    this.#rotation = rotation;
    const { blockSize: b } = rotation;
    const places = Array.from({ length: b * b }, (_, i) => i).filter(
      (i) => i % b > Math.floor(i / b),
    );
    const { device } = this.tensor(R);
    this.places = this.buffer(torch.tensor(places, { dtype: "int64", device }));
  }

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const matrices = this.#matrices();
    const input = x.to({ dtype: matrices.dtype });
    const turned =
      layer instanceof Linear
        ? rotate(input, matrices)
        : rotatePatches(input, matrices, layer.weight.shape.slice(2));
    return before(turned.to({ dtype: x.dtype }));
  }

  override merged(weight: Tensor, layer: ProductLayer): Tensor {
    if (hasKernel(layer)) {
      throw new UnsupportedError(
        `An OFT adapter on a convolution with a kernel of [${weight.shape.slice(2).join(", ")}] cannot be merged: PEFT's result cannot be written as one kernel. Use it unmerged`,
      );
    }
    // x R Wᵀ = x (W Rᵀ)ᵀ
    const matrices = this.#matrices().transpose(1, 2);
    const rows = weight.flatten(1).to({ dtype: matrices.dtype });
    return rotate(rows, matrices).reshape(weight.shape);
  }

  /** The orthogonal blocks (G, b, b), or one for all (1, b, b). */
  #matrices(): Tensor {
    const { blockSize, terms, radius } = this.#rotation;
    if (radius !== undefined) constrain(this.tensor(R), radius);
    const skew = skewSymmetric(this.tensor(R), this.places, blockSize);
    const { dtype, device } = skew;
    const identity = torch.eye(blockSize, { dtype, device });
    return terms === undefined ? cayley(skew, identity) : cayleySeries(skew, identity, terms);
  }
}

/** Antisymmetric matrices from what is above their diagonal: (G, b(b−1)/2) → (G, b, b) */
function skewSymmetric(values: Tensor, places: Tensor, b: number): Tensor {
  const { device, dtype } = values;
  const upper = torch
    .zeros([values.size(0), b * b], { dtype, device })
    .scatter(1, places.expandAs(values), values)
    .reshape([-1, b, b]);
  return upper.sub(upper.transpose(1, 2));
}

/** (I + Q)⁻¹(I − Q), which is orthogonal; the two factors commute. */
const cayley = (skew: Tensor, identity: Tensor): Tensor =>
  torch.linalgSolve(identity.add(skew), identity.sub(skew));

/**
 * The series I + 2Q + 2Q² + … + Qⁿ⁻¹, whose last term counts once, as in PEFT since 0.18. With three or more terms PEFT includes
 * at least the third power.
 */
function cayleySeries(skew: Tensor, identity: Tensor, terms: number): Tensor {
  if (terms === 1) return identity.expandAs(skew);
  let sum = identity.add(skew.mul(2));
  if (terms === 2) return sum;
  const last = Math.max(3, terms - 1);
  let power = skew;
  for (let exponent = 2; exponent <= last; exponent++) {
    power = power.bmm(skew);
    sum = sum.add(exponent === last ? power : power.mul(2));
  }
  return sum;
}

/** Shrinks every block whose matrix is longer than its share of `radius`, in place, as PEFT does. */
function constrain(values: Tensor, radius: number): void {
  torch.noGrad(() =>
    torch.tidy(() => {
      const longest = radius / Math.sqrt(values.size(0));
      // Each value appears twice in the matrix.
      const lengths = values.norm(2, 1, true).mul(Math.SQRT2); // (G, 1)
      const shares = lengths.reciprocal().mul(longest);
      values.mul_(torch.where(lengths.le(longest), torch.onesLike(shares), shares));
    }),
  );
}

/**
 * Rotates the patches under a kernel at every position of (B, C, H, W), and sums them where they overlap: PEFT's form for
 * convolutions (`tuners/oft/layer.py` _unfold, _fold), which always has stride 1. PEFT folds the patches back in another order
 * than it unfolded them, so that with kernels larger than 1 × 1 this is no rotation; but it is what the adapter was trained with.
 */
function rotatePatches(x: Tensor, matrices: Tensor, kernel: readonly number[]): Tensor {
  const [batch = 0, channels = 0, ...size] = x.shape;
  const places = size.map((side, i) => side - (kernel[i] ?? 1) + 1);
  const patches = F.unfold(x, kernel, 1, 0, 1).transpose(1, 2); // (B, h·w, C·K·K)
  const turned = rotate(patches, matrices)
    .reshape([batch, ...places, channels, ...kernel])
    .permute([0, 3, 1, 2, 4, 5])
    .reshape([batch, -1, patches.size(1)]);
  return F.fold(turned, size, kernel, 1, 0, 1);
}

/** Multiplies every block of the last dimension by its matrix: (…, G·b) and (G or 1, b, b) → (…, G·b) */
function rotate(x: Tensor, matrices: Tensor): Tensor {
  const blocks = x.reshape([-1, x.size(-1) / matrices.size(1), matrices.size(1)]).transpose(0, 1); // (G, N, b)
  return blocks.matmul(matrices).transpose(0, 1).reshape(x.shape);
}

/** The divisor of `size` nearest to `wanted`, the smaller of two (PEFT `tuners/oft/layer.py` adjust_oft_parameters). */
export function nearestDivisor(size: number, wanted: number): number {
  if (wanted >= size) return size;
  for (let distance = 0; ; distance++) {
    for (const divisor of [wanted - distance, wanted + distance]) {
      if (divisor > 0 && size % divisor === 0) return divisor;
    }
  }
}

/** How OFT sits on one layer (PEFT `tuners/oft/layer.py`). */
export function planOFT(config: OFTConfig, layer: ProductLayer): PartPlan {
  const inputs = init.fanIn(layer.weight.shape);
  const blockSize =
    config.r === 0
      ? nearestDivisor(inputs, config.oftBlockSize)
      : inputs / nearestDivisor(inputs, config.r);
  const blocks = config.blockShare ? 1 : inputs / blockSize;
  const tensors = new Map<string, TensorPlan>([
    [
      R,
      {
        shape: [blocks, (blockSize * (blockSize - 1)) / 2],
        initialize: config.initWeights ? init.zeros : init.normal(0.1),
      },
    ],
  ]);
  const terms = config.useCayleyNeumann ? config.numCayleyNeumannTerms : undefined;
  const rotation = { blockSize, terms, radius: config.coft ? config.eps : undefined };
  return { tensors, build: (state, made) => new OFTPart(state, made, rotation) };
}
