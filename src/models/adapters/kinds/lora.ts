import { init, Linear, type ProductLayer } from "../../../nn/index.ts";
import { functional as F, type Tensor } from "../../../torch/index.ts";
import type { LoraConfig } from "../config/config.ts";
import { valueFor } from "../config/targets.ts";
import { planDecomposed } from "./decomposed.ts";
import { addedBias, perOutput } from "./own-tensors.ts";
import { type AdapterState, AddedPart, type PartPlan, type TensorPlan } from "./part.ts";
import { type PrincipalStart, principalPart } from "./principal.ts";
import { tuckerProduct } from "./tucker.ts";

// Shapes: R rank, K kernel side of a convolution.

/** (R, in), or (R, in, K, K) */
export const A = "lora_A.weight";
/** (out, R), or (out, R, 1, 1) */
export const B = "lora_B.weight";
/** (out), added to the output with the same scale */
export const B_BIAS = "lora_B.bias";
/** (R, R, K, K) of LyCORIS, between an A and a B of 1 x 1 */
export const MID = "lora_mid.weight";

/** scale · B A, added to the weight. */
class LoraPart extends AddedPart {
  readonly #alphaOverRank: number;
  /** What an initialization from the weight itself subtracted from it, in the weight's shape. */
  readonly taken: Tensor | undefined;

  constructor(
    state: AdapterState,
    tensors: ReadonlyMap<string, Tensor>,
    alphaOverRank: number,
    taken?: Tensor,
  ) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
    this.taken = taken && this.buffer(taken);
  }

  protected get scaling(): number {
    return this.#alphaOverRank * this.state.scale;
  }

  /** Computed through the R numbers between A and B, unless something of the weight's size is needed anyway. */
  override added(x: Tensor, layer: ProductLayer): Tensor {
    const outer =
      this.has(MID) || this.taken !== undefined
        ? super.added(x, layer)
        : this.#outer(x, layer).mul(this.scaling);
    if (!this.has(B_BIAS)) return outer;
    return outer.add(perOutput(this.tensor(B_BIAS).mul(this.scaling), layer));
  }

  #outer(x: Tensor, layer: ProductLayer): Tensor {
    const a = this.tensor(A);
    const inner = layer.product(x.to({ dtype: a.dtype }), a); // (…, R), or (B, R, H', W')
    const b = this.tensor(B);
    return layer instanceof Linear ? F.linear(inner, b) : F.conv2d(inner, b);
  }

  override delta(layer: ProductLayer): Tensor {
    const [a, b] = [this.tensor(A).flatten(1), this.tensor(B).flatten(1)];
    const product = this.has(MID)
      ? tuckerProduct(this.tensor(MID), b.transpose(0, 1), a)
      : b.matmul(a);
    const delta = product.reshape(layer.weight.shape).mul(this.scaling);
    return this.taken === undefined ? delta : delta.sub(this.taken);
  }

  override mergedBias(bias: Tensor | undefined, layer: ProductLayer): Tensor | undefined {
    if (!this.has(B_BIAS)) return bias;
    return addedBias(bias, this.tensor(B_BIAS).mul(this.scaling), layer);
  }
}

/** LoRA on one layer, whatever described it. */
export interface LoraOptions {
  readonly rank: number;
  readonly alphaOverRank: number;
  readonly start: LoraConfig["initLoraWeights"];
  readonly hasBias?: boolean;
  /** Whether it has LyCORIS' third matrix. */
  readonly hasMid?: boolean;
}

/** The parts of a LoRA on one layer (PEFT `tuners/lora/layer.py`; LyCORIS `modules/locon.py` for the third matrix). */
export function loraPlan(options: LoraOptions, layer: ProductLayer): PartPlan<AddedPart> {
  const { rank, alphaOverRank, start, hasBias = false, hasMid = false } = options;
  const [outputs = 0, inputs = 0, ...kernel] = layer.weight.shape;
  const ones = kernel.map(() => 1);
  const tensors = new Map<string, TensorPlan>([
    [
      A,
      {
        shape: [rank, inputs, ...(hasMid ? ones : kernel)],
        initialize: start === "gaussian" ? init.normal(1 / rank) : init.kaimingUniform,
      },
    ],
    [
      B,
      {
        shape: [outputs, rank, ...ones],
        initialize: start === false ? init.kaimingUniform : init.zeros,
      },
    ],
  ]);
  if (hasMid) {
    tensors.set(MID, { shape: [rank, rank, ...kernel], initialize: init.kaimingUniform });
  }
  if (hasBias) {
    tensors.set(B_BIAS, {
      shape: [outputs],
      initialize: start === false ? init.biasUniform(rank) : init.zeros,
    });
  }
  const taken = (): Tensor | undefined =>
    isPrincipal(start) ? principalPart(layer.weight, start, rank, alphaOverRank) : undefined;
  return { tensors, build: (state, made) => new LoraPart(state, made, alphaOverRank, taken()) };
}

/** Whether a LoRA starts from the weight's own largest part, which is then subtracted from the weight. */
export const isPrincipal = (start: LoraConfig["initLoraWeights"]): start is PrincipalStart =>
  start === "pissa" || start === "olora";

/** How LoRA sits on one layer (PEFT `tuners/lora/layer.py`, `dora.py`). */
export function planLora(config: LoraConfig, name: string, layer: ProductLayer): PartPlan {
  const { initLoraWeights, loraBias, useDora, useRslora } = config;
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.loraAlpha, "alphaPattern");
  const alphaOverRank = alpha / (useRslora ? Math.sqrt(rank) : rank);
  const options = { rank, alphaOverRank, start: initLoraWeights, hasBias: loraBias };
  const plan = loraPlan(options, layer);
  return useDora ? planDecomposed(plan, layer, "outputs") : plan;
}
