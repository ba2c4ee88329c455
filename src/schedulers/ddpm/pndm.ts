import { expected, InvalidStateError, InvalidValueError } from "../../errors/index.ts";
import { flag, oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import { TensorHistory } from "../base/tensor-history.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import {
  type ScheduleConfig,
  type SpacingConfig,
  scheduleFields,
  spacingFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictNoise, predictOriginal } from "../noise/prediction.ts";
import { roundHalfToEven, spaceTimestepsToZero } from "../noise/timestep-spacing.ts";

/** The fields of diffusers' `PNDMScheduler`, in camelCase. */
export interface PNDMConfig extends ScheduleConfig, SpacingConfig {
  /** Whether to skip the Runge-Kutta steps at the start, which call the model 12 times for three steps. */
  readonly skipPrkSteps: boolean;
  readonly setAlphaToOne: boolean;
  readonly predictionType: "epsilon" | "v_prediction";
}

const fields: Fields<PNDMConfig> = {
  ...scheduleFields,
  skipPrkSteps: flag(false),
  setAlphaToOne: flag(false),
  predictionType: oneOf("epsilon", "v_prediction"),
  ...spacingFields,
  timestepSpacing: oneOf("leading", "linspace", "trailing"),
};

/** Adams-Bashforth weights of the last predictions, newest first. */
const ADAMS: readonly (readonly [weights: readonly number[], divisor: number])[] = [
  [[1], 1],
  [[3, -1], 2],
  [[23, -16, 5], 12],
  [[55, -59, 37, -9], 24],
];

/**
 * Pseudo linear multistep sampling (Liu et al. 2022, arXiv 2202.09778) after pseudo Runge-Kutta steps or, without them, after one
 * step that is taken twice. With the configuration file and the float32 arithmetic of diffusers' class.
 */
export class PNDMScheduler extends TrainedScheduler<PNDMConfig> {
  static readonly className: string = "PNDMScheduler";
  static readonly fields: Fields<PNDMConfig> = fields;
  override readonly endsAtOriginal = false;
  readonly #predictions = new TensorHistory(4);
  /** Number of steps taken, whatever timestep they started at. */
  #taken = 0;
  #rungeKuttaSteps = 0;
  #stride = 0;
  /** The sample at the start of the step of which this is a further stage. */
  #start: Tensor | undefined;
  /** The weighted sum of a Runge-Kutta step's stages so far. */
  #stages: Tensor | undefined;

  override get samplerName(): string {
    return this.config.skipPrkSteps ? "plms" : "pndm";
  }

  /** The Runge-Kutta steps are the schedule's first, each with four timesteps. */
  override get startsLater(): boolean {
    return this.config.skipPrkSteps;
  }

  protected override planCount(count: number): void {
    const { skipPrkSteps, numTrainTimesteps } = this.config;
    const least = skipPrkSteps ? 2 : 4;
    if (count < least) {
      throw expected(
        `at least ${least} (for its multistep method to start)`,
        "numInferenceSteps",
        count,
      );
    }
    this.#stride = Math.floor(numTrainTimesteps / count);
    const spaced = spaceTimestepsToZero(count, this.config).map(roundHalfToEven);
    const half = Math.floor(this.#stride / 2);
    // Each Runge-Kutta step: its start, the middle twice, and its end.
    const rungeKutta = skipPrkSteps
      ? []
      : [0, 1, 2].flatMap((i) => {
          const [from = 0, to = 0] = spaced.slice(i, i + 2);
          return [from, to + half, to + half, to];
        });
    const [first = 0, second = 0] = spaced;
    const multistep = skipPrkSteps ? [first, second, ...spaced.slice(1)] : spaced.slice(3);
    this.#rungeKuttaSteps = rungeKutta.length;
    this.position.plan([...rungeKutta, ...multistep]);
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    this.#requirePlanned(timestep);
    const isRungeKutta = this.#taken < this.#rungeKuttaSteps;
    const predOriginalSample = torch.tidy(() =>
      predictOriginal(
        this.config.predictionType,
        modelOutput,
        sample,
        levelOfSignal(this.schedule.at(timestep).acp),
      ),
    );
    const prevSample = isRungeKutta
      ? this.#stepRungeKutta(modelOutput, timestep, sample)
      : this.#stepMultistep(modelOutput, timestep, sample);
    this.#taken++;
    if (this.#taken === this.timesteps.length) this.#free();
    return { prevSample, predOriginalSample };
  }

  /** Throws if `timestep` is not in the schedule or, in the Runge-Kutta steps, not the next one. */
  #requirePlanned(timestep: number): void {
    const { length } = this.timesteps;
    if (length === 0) throw new InvalidStateError("Expected setTimesteps to be called before step");
    if (this.#taken === length) {
      throw new InvalidStateError(
        `Expected no more than ${length} steps: call setTimesteps to start again`,
      );
    }
    const next = this.timesteps[this.#taken];
    if (this.#taken < this.#rungeKuttaSteps && timestep !== next) {
      throw new InvalidValueError(
        `Expected ${next} for timestep where skip_prk_steps is false (the Runge-Kutta steps can't start later) but received ${timestep}`,
      );
    }
    if (!this.timesteps.includes(timestep)) {
      throw expected("a timestep of the schedule", "timestep", timestep);
    }
  }

  #stepRungeKutta(modelOutput: Tensor, timestep: number, sample: Tensor): Tensor {
    const stage = this.#taken % 4;
    const target = timestep - (this.#taken % 2 === 1 ? 0 : Math.floor(this.#stride / 2));
    const source = this.timesteps[this.#taken - stage] ?? Number.NaN;
    if (stage === 0) {
      this.#predictions.push(torch.retain(modelOutput));
      this.#keepStart(sample);
    }
    const share = stage === 0 || stage === 3 ? 1 / 6 : 1 / 3;
    const before = this.#stages;
    const [prevSample, sum] = torch.tidy(() => {
      const part = modelOutput.mul(share);
      const sum = before === undefined ? part : before.add(part);
      const start = this.#start ?? sample;
      const output = stage === 3 ? sum : modelOutput;
      return [this.#move(start, source, target, output), sum] as const;
    });
    before?.dispose();
    this.#stages = stage === 3 ? undefined : torch.keep(sum);
    if (stage === 3) sum.dispose();
    return prevSample;
  }

  #stepMultistep(modelOutput: Tensor, timestep: number, sample: Tensor): Tensor {
    // The first step is taken again, with the mean of the predictions at both ends.
    const isAgain = this.#taken === 1;
    if (!isAgain) this.#predictions.push(torch.retain(modelOutput));
    const { tensors } = this.#predictions;
    const start = isAgain ? (this.#start ?? sample) : sample;
    const [source, target] = isAgain
      ? [timestep + this.#stride, timestep]
      : [timestep, timestep - this.#stride];
    const prevSample = torch.tidy(() => {
      const [newest] = tensors;
      const output =
        isAgain && newest ? modelOutput.add(newest).div(2) : this.#extrapolate(tensors);
      return this.#move(start, source, target, output);
    });
    if (this.#taken === 0) this.#keepStart(sample);
    else if (isAgain) this.#forgetStart();
    return prevSample;
  }

  #extrapolate(predictions: readonly Tensor[]): Tensor {
    const [weights, divisor] = ADAMS[predictions.length - 1] ?? [[], 1];
    const terms = predictions.map((prediction, i) => prediction.mul(weights[i] ?? 0));
    const sum = terms.reduce((total, term) => total.add(term));
    return divisor === 24 ? sum.mul(1 / 24) : sum.div(divisor);
  }

  /** From the level of one timestep to that of another (Liu et al. 2022, eq. 11). */
  #move(sample: Tensor, source: number, target: number, output: Tensor): Tensor {
    const { acp } = this.schedule.at(source);
    const acpTarget = this.#signalAt(target);
    const [rest, restTarget] = [f32(1 - acp), f32(1 - acpTarget)];
    const noise = predictNoise(this.config.predictionType, output, sample, levelOfSignal(acp));
    const divisor = f32(f32(acp * sqrt32(restTarget)) + sqrt32(f32(f32(acp * rest) * acpTarget)));
    return sample
      .mul(sqrt32(f32(acpTarget / acp)))
      .sub(noise.mul(f32(acpTarget - acp)).div(divisor));
  }

  /** The signal's variance at `timestep`, or before the first. */
  #signalAt(timestep: number): number {
    if (timestep >= 0) return this.schedule.at(timestep).acp;
    return this.config.setAlphaToOne ? 1 : this.schedule.at(0).acp;
  }

  #keepStart(sample: Tensor): void {
    this.#forgetStart();
    this.#start = torch.retain(sample);
  }

  #forgetStart(): void {
    this.#start?.dispose();
    this.#start = undefined;
  }

  #free(): void {
    this.#predictions.clear();
    this.#forgetStart();
    this.#stages?.dispose();
    this.#stages = undefined;
  }

  protected override forget(): void {
    this.#free();
    this.#taken = 0;
  }
}
