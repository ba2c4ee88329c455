import { InvalidValueError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer, inFloat32, zerosOf } from "./base-optimizer.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { PRODIGY_DEFAULTS, type ProdigyOptions, withDefaults } from "./optimizer-options.ts";

/** `s` is the running sum of gradients; `p0` are the initial weights of the training. */
type ProdigyState = Readonly<Record<"expAvg" | "expAvgSq" | "s" | "p0", Tensor>>;

/**
 * Prodigy (Mishchenko and Defazio 2023, arXiv 2306.06101; prodigyopt): AdamW that estimates its own rate, D, from the distance
 * that the weights have moved. The rate passed to step() is a factor on it, 1 unless scheduled. Keeps four numbers per parameter.
 * `p0` are the weights when the optimizer is created.
 */
export class Prodigy extends BaseOptimizer<ProdigyState> {
  readonly #options: Required<ProdigyOptions>;
  readonly #beta3: number;
  readonly #growthRate: number;
  /** One number each in float64, as tensors, so that a checkpoint stores them to the bit. */
  readonly #estimate: Readonly<Record<"d" | "dMax" | "dNumerator" | "step", Tensor>>;

  /**
   * The state has four numbers in float32 per weight. Options are not checked.
   * @throws InvalidValueError if a group has an `lrScale` other than 1, because D is shared by all
   */
  constructor(groups: readonly ParameterGroup[], options: ProdigyOptions = {}) {
    const scale = groups.find(({ lrScale = 1 }) => lrScale !== 1)?.lrScale;
    if (scale !== undefined) {
      throw new InvalidValueError(
        `Expected the same learning rate for all groups, since Prodigy estimates one for all, but received lrScale ${scale}`,
      );
    }
    super(groups, (parameter) => ({
      expAvg: zerosOf(parameter),
      expAvgSq: zerosOf(parameter),
      s: zerosOf(parameter),
      p0: parameter.detach().float().clone(),
    }));
    this.#options = withDefaults(options, PRODIGY_DEFAULTS);
    this.#beta3 = this.#options.beta3 ?? Math.sqrt(this.#options.betas[1]);
    this.#growthRate = this.#options.growthRate ?? Number.POSITIVE_INFINITY;
    const number = (value: number): Tensor =>
      torch.keep(torch.full([], value, { dtype: "float64" }));
    this.#estimate = {
      d: number(this.#options.d0),
      dMax: number(this.#options.d0),
      dNumerator: number(0),
      step: number(0),
    };
  }

  /** The estimate of D, which the rate is multiplied by. */
  get d(): number {
    return this.#estimate.d.item();
  }

  override stateDict(): Map<string, Tensor> {
    const { d, dMax, dNumerator, step } = this.#estimate;
    return super
      .stateDict()
      .set("d", d)
      .set("d_max", dMax)
      .set("d_numerator", dNumerator)
      .set("step", step);
  }

  protected update(lr: number): void {
    if (lr === 0) return; // as in prodigyopt: nothing is learned about D then
    const { step } = this.#estimate;
    const [beta1, beta2] = this.#options.betas;
    const k = step.item() + 1;
    const correction = this.#options.biasCorrection
      ? Math.sqrt(1 - beta2 ** k) / (1 - beta1 ** k)
      : 1;
    const rate = this.d * lr * correction;
    if (!this.#estimateD(rate)) return;
    const { d } = this;
    this.forBatches(({ group, parameters, states }) => {
      const roots = torch.foreachSqrt(states.map(({ expAvgSq }) => expAvgSq));
      torch.foreachAdd_(roots, d * this.#options.eps);
      const decay = group.weightDecay ?? this.#options.weightDecay;
      if (decay !== 0) torch.foreachMul_(parameters, 1 - decay * rate);
      torch.foreachAddcdiv_(
        parameters,
        states.map(({ expAvg }) => expAvg),
        roots,
        -rate,
      );
    });
    step.fill_(k);
  }

  /** Moves the running means and sums and, from those, the estimate of D. False if all gradients were zero. */
  #estimateD(rate: number): boolean {
    const [beta1, beta2] = this.#options.betas;
    const d = this.d;
    const relative = d / this.#options.d0; // keeps the sums in the range of float32
    let progress = 0;
    let size = 0;
    this.forBatches(({ parameters, gradients: given, states }) => {
      const gradients = inFloat32(given);
      const products = torch.foreachSub(
        states.map(({ p0 }) => p0),
        inFloat32(parameters),
      );
      torch.foreachMulList_(products, gradients);
      progress += total(products.map((product) => product.sum()));
      const means = states.map(({ expAvg }) => expAvg);
      torch.foreachMul_(means, beta1);
      torch.foreachAddList_(means, gradients, { alpha: d * (1 - beta1) });
      const squares = states.map(({ expAvgSq }) => expAvgSq);
      torch.foreachMul_(squares, beta2);
      torch.foreachAddcmul_(squares, gradients, gradients, d * d * (1 - beta2));
      const sums = states.map(({ s }) => s);
      torch.foreachMul_(sums, this.#beta3);
      const weight = relative * (this.#options.safeguardWarmup ? d : rate);
      torch.foreachAddList_(sums, gradients, { alpha: weight });
      size += total(torch.foreachNorm(sums, 1));
    });
    if (size === 0) return false;
    const numerator = this.#beta3 * this.#estimate.dNumerator.item() + relative * rate * progress;
    const found = (this.#options.dCoef * numerator) / size;
    const largest = Math.max(this.#estimate.dMax.item(), found);
    const start = d === this.#options.d0 ? Math.max(d, found) : d;
    this.#estimate.dNumerator.fill_(numerator);
    this.#estimate.dMax.fill_(largest);
    this.#estimate.d.fill_(Math.min(largest, start * this.#growthRate));
    return true;
  }
}

/** The sum of scalars, added in float64. */
const total = (scalars: readonly Tensor[]): number =>
  torch.stack(scalars).to({ dtype: "float64" }).sum().item();
