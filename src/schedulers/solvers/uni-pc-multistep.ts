import { InternalError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { predictNoise } from "../noise/prediction.ts";
import {
  type Respacing,
  respaceSigmas,
  respacingOf,
  type SigmaPlan,
  shiftedFlow,
  spacedEvenly,
} from "../noise/sigma-spacing.ts";
import { SolverScheduler } from "./solver-scheduler.ts";
import { uniPCCoefficients } from "./uni-pc-coefficients.ts";
import { requireSolvableUniPC, type UniPCMultistepConfig, uniPCFields } from "./uni-pc-config.ts";

/** The previous step: its start, and the order that corrects it. */
interface LastStep {
  readonly sample: Tensor;
  readonly order: number;
}

/**
 * UniPC (Zhao et al. 2023, arXiv 2302.04867): each prediction first corrects the previous step and then makes the next one. With
 * the configuration file and the float32 arithmetic of diffusers' class.
 */
export class UniPCMultistepScheduler extends SolverScheduler<UniPCMultistepConfig> {
  static readonly className: string = "UniPCMultistepScheduler";
  static readonly fields: Fields<UniPCMultistepConfig> = uniPCFields;
  /** Other samplers use other solver types. */
  static readonly foreign: Partial<UniPCMultistepConfig> = { solverType: "bh2" };
  #last: LastStep | undefined;

  constructor(config: UniPCMultistepConfig) {
    super(config, config.solverOrder);
    requireSolvableUniPC(config);
  }

  protected override finalSigma(least: number): number {
    return this.config.finalSigmasType === "zero" ? 0 : least;
  }

  /** Karras' levels may also be those of a flow. */
  protected override respacingOf(config: UniPCMultistepConfig): Respacing | undefined {
    const useFlowSigmas = config.useFlowSigmas && !config.useKarrasSigmas;
    return respacingOf({ ...config, useFlowSigmas });
  }

  protected override get range(): readonly [largest: number, least: number] {
    const [largest, least] = super.range;
    return [this.config.sigmaMax ?? largest, this.config.sigmaMin ?? least];
  }

  protected override planRespaced(respacing: Respacing, count: number): SigmaPlan {
    if (!this.config.useFlowSigmas) return super.planRespaced(respacing, count);
    return this.#atFlow(respaceSigmas(respacing, count, ...this.range).map((s) => s / (s + 1)));
  }

  protected override planFlow(count: number): SigmaPlan {
    const { numTrainTimesteps } = this.config;
    return this.#shifted(spacedEvenly(1, 1 / numTrainTimesteps, count + 1).slice(0, -1));
  }

  /** Plans a flow's levels before each step, shifted as the config says. */
  protected override planSigmas(sigmas: readonly number[]): void {
    if (this.respacing !== undefined || !this.config.useFlowSigmas) super.planSigmas(sigmas);
    this.startSpaced(this.#shifted(sigmas));
  }

  #shifted(sigmas: readonly number[]): SigmaPlan {
    const { flowShift, shiftTerminal } = this.config;
    const shifted = sigmas.map((sigma) => shiftedFlow(sigma, flowShift));
    const stretch =
      shiftTerminal === null ? undefined : (1 - (shifted.at(-1) ?? 0)) / (1 - shiftTerminal);
    const stretched = stretch === undefined ? shifted : shifted.map((s) => 1 - (1 - s) / stretch);
    // A level of 1 has no signal, and no λ.
    return this.#atFlow(stretched.map((s) => (1 - s < 1e-6 ? s - 1e-6 : s)));
  }

  #atFlow(sigmas: readonly number[]): SigmaPlan {
    const { numTrainTimesteps } = this.config;
    return { timesteps: sigmas.map((s) => Math.trunc(s * numTrainTimesteps)), sigmas };
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictX0, solverOrder, lowerOrderFinal } = this.config;
    const remaining = this.timesteps.length - index;
    const last = this.config.disableCorrector.includes(index - 1) ? undefined : this.#last;
    const order = Math.min(
      lowerOrderFinal ? Math.min(solverOrder, remaining) : solverOrder,
      this.history.length + 1,
    );
    const [prevSample, predOriginalSample, latest, corrected] = torch.tidy(() => {
      const latest = predictX0
        ? this.predictOriginal(modelOutput, sample, index)
        : this.#predictNoise(modelOutput, sample, index);
      const corrected = last === undefined ? sample : this.#correct(index, last, latest);
      const predictions = [latest, ...this.history.tensors].slice(0, order);
      const original = predictX0 ? latest.detach() : this.originalOf(latest, sample, index);
      return [this.#predict(index, corrected, predictions), original, latest, corrected] as const;
    });
    this.#last?.sample.dispose();
    this.#last = { sample: torch.retain(corrected), order };
    if (corrected !== sample) corrected.dispose();
    this.history.push(latest);
    if (remaining === 1) this.forget();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }

  /** The noise, for which diffusers' class has no threshold. */
  #predictNoise(modelOutput: Tensor, sample: Tensor, index: number): Tensor {
    return predictNoise(this.config.predictionType, modelOutput, sample, this.level(index));
  }

  protected override forget(): void {
    super.forget();
    this.#last?.sample.dispose();
    this.#last = undefined;
  }

  /** UniP: from the level at `index` to the next, with `predictions` newest first. */
  #predict(index: number, sample: Tensor, predictions: readonly Tensor[]): Tensor {
    const ratios = this.#ratios(index, index + 1, predictions.length - 1);
    return this.#move(index, index + 1, sample, predictions, ratios);
  }

  /** UniC: the step to the level at `index` again, now that the prediction there is known. */
  #correct(index: number, { sample, order }: LastStep, latest: Tensor): Tensor {
    const predictions = this.history.tensors.slice(0, order);
    const ratios = this.#ratios(index - 1, index, predictions.length - 1);
    return this.#move(index - 1, index, sample, predictions, ratios, latest);
  }

  /** Positions of the predictions before the one at `source`, as fractions of the step from there to `target`. */
  #ratios(source: number, target: number, count: number): number[] {
    const start = this.level(source).lambda;
    const h = f32(this.level(target).lambda - start);
    return Array.from({ length: count }, (_, i) =>
      f32(f32(this.level(source - 1 - i).lambda - start) / h),
    );
  }

  #move(
    source: number,
    target: number,
    sample: Tensor,
    [newest, ...earlier]: readonly Tensor[],
    ratios: readonly number[],
    atTarget?: Tensor,
  ): Tensor {
    if (newest === undefined) throw new InternalError("Expected a prediction but found none");
    const [from, to] = [this.level(source), this.level(target)];
    const { predictX0, solverType } = this.config;
    const h = f32(to.lambda - from.lambda);
    const kind = atTarget === undefined ? "predictor" : "corrector";
    const weights = uniPCCoefficients(predictX0 ? -h : h, ratios, solverType, kind);
    const kept = f32(predictX0 ? to.spread / from.spread : to.alpha / from.alpha);
    const added = predictX0 ? to.alpha : to.spread;
    const firstOrder = sample.mul(kept).sub(newest.mul(f32(added * weights.firstOrder)));
    const slopes = earlier.map((prediction, i) =>
      prediction.sub(newest).div(ratios[i] ?? Number.NaN),
    );
    if (atTarget !== undefined) slopes.push(atTarget.sub(newest));
    const [sum, ...more] = slopes.map((slope, i) => slope.mul(weights.slopes[i] ?? Number.NaN));
    if (sum === undefined) return firstOrder;
    const total = more.reduce((a, b) => a.add(b), sum);
    return firstOrder.sub(total.mul(f32(added * weights.scale)));
  }
}
