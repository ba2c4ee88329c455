import { Linear, Module } from "../nn/index.ts";
import { functional as F, type Tensor } from "../torch/index.ts";
import { chunk } from "./chunk.ts";

/** The activations of diffusers' `FeedForward`, the released models' first. */
export const feedForwardActivations = [
  "gelu-approximate",
  "gelu",
  "geglu",
  "geglu-approximate",
  "swiglu",
  "linear-silu",
] as const;

/** One of diffusers' activations. */
export type FeedForwardActivation = (typeof feedForwardActivations)[number];

/** Values times their activated gates: (B, N, 2·M) → (B, N, M). */
const gated = (x: Tensor, activation: (gate: Tensor) => Tensor): Tensor => {
  const [values, gates] = chunk(x, 2, -1);
  return values.mul(activation(gates));
};

/** x·σ(1.702 x), near GELU (Hendrycks and Gimpel 2016, arXiv 1606.08415). */
export const quickGelu = (x: Tensor): Tensor => x.mul(x.mul(1.702).sigmoid());

const activations: Readonly<Record<FeedForwardActivation, (x: Tensor) => Tensor>> = {
  "gelu-approximate": (x) => F.gelu(x, { approximate: "tanh" }),
  gelu: (x) => F.gelu(x),
  geglu: (x) => gated(x, (gate) => F.gelu(gate)),
  // Despite its name, diffusers' ApproximateGELU has no gate.
  "geglu-approximate": quickGelu,
  swiglu: (x) => gated(x, (gate) => F.silu(gate)),
  "linear-silu": (x) => F.silu(x),
};

/**
 * Width inside an MLP: truncated, as in the models' own code, after compensating the rounding of a ratio derived from weights.
 */
const innerWidth = (dim: number, mlpRatio: number): number => Math.floor(dim * mlpRatio + 1e-6);

/** A token-wise MLP, `mlpRatio` times as wide inside, under diffusers' names: (B, N, D) → (B, N, D). */
export class FeedForward extends Module {
  static override readonly keys = { projIn: "net.0.proj", projOut: "net.2" };

  readonly projIn: Linear;
  readonly projOut: Linear;
  readonly #activate: (x: Tensor) => Tensor;

  constructor(dim: number, activation: FeedForwardActivation, mlpRatio = 4) {
    super();
    const inner = innerWidth(dim, mlpRatio);
    const isGated = activation === "geglu" || activation === "swiglu";
    this.projIn = new Linear(dim, isGated ? 2 * inner : inner);
    this.projOut = new Linear(inner, dim);
    this.#activate = activations[activation];
  }

  override forward(x: Tensor): Tensor {
    return this.projOut.call(this.#activate(this.projIn.call(x)));
  }
}
