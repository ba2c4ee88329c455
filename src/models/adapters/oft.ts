import { init, type ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { OFTConfig } from "./config.ts";
import {
  AdapterPart,
  type AdapterState,
  type Compute,
  type PartPlan,
  type TensorPlan,
} from "./part.ts";

// Shapes: G blocks of b inputs each, (G, b(b−1)/2) what is learnt: above the diagonal, row by row.

const R = "oft_R.weight";

interface Rotation {
  readonly blockSize: number;
  /** Powers of the series, or undefined for the exact transform. */
  readonly terms: number | undefined;
}

/** The input's blocks turned by orthogonal matrices. */
class OFTPart extends AdapterPart {
  readonly #rotation: Rotation;
  /** Where in a flattened block what is learnt stands: (b(b−1)/2). */
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

  override forward(x: Tensor, before: Compute): Tensor {
    const matrices = this.#matrices();
    return before(rotate(x.to({ dtype: matrices.dtype }), matrices).to({ dtype: x.dtype }));
  }

  override merged(weight: Tensor): Tensor {
    // x R Wᵀ = x (W Rᵀ)ᵀ
    const matrices = this.#matrices().transpose(1, 2);
    return rotate(weight.to({ dtype: matrices.dtype }), matrices);
  }

  /** The orthogonal blocks (G, b, b), or one for all (1, b, b). */
  #matrices(): Tensor {
    const { blockSize, terms } = this.#rotation;
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
 * The series I + 2Q + 2Q² + … + Qⁿ⁻¹, whose last term counts once, as PEFT sums it up since 0.18. PEFT's has at least
 * the third power from three terms on.
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

/** Multiplies every block of the last dimension with its matrix: (…, G·b) and (G or 1, b, b) → (…, G·b) */
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
  const inputs = layer.weight.size(1);
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
  return { tensors, build: (state, made) => new OFTPart(state, made, { blockSize, terms }) };
}
