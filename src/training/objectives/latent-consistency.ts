import type { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { meanPerSample, type ObjectiveOutput } from "./objective.ts";

// Shapes: B samples, C latent channels, h and w latent size.

/** Options of latent consistency distillation; the defaults are those of PixArt-δ. */
export interface LatentConsistencyOptions {
  /** How far the teacher extrapolates beyond its conditional prediction; a pipeline's guidance scale minus 1. */
  readonly guidanceScale: number;
  /** Steps of the DDIM solver; predictions at neighbouring steps have to agree. */
  readonly solverSteps: number;
  /** Where the pseudo-Huber loss changes from quadratic to linear. */
  readonly huberC: number;
}

/** ε (B, C, h, w) of noisy latents at timesteps. */
export type PredictNoise = (noisy: Tensor, timesteps: readonly number[]) => Tensor;

/** The three networks of a distillation. */
export interface LatentConsistencyModels {
  readonly student: PredictNoise;
  readonly teacher: { readonly conditional: PredictNoise; readonly unconditional: PredictNoise };
  /** The student's running average, without gradients. */
  readonly target: PredictNoise;
}

export interface LatentConsistencyInput {
  /** (B, C, h, w): x0. */
  readonly original: Tensor;
  /** (B, C, h, w). */
  readonly noise: Tensor;
  /** Each sample's solver step, 0 for the least noisy. */
  readonly solverIndices: readonly number[];
}

const SIGMA_DATA = 0.5;
const TIMESTEP_SCALING = 10;

/** The weights of the sample and of the prediction in the consistency function at a timestep. */
const boundary = (t: number): { readonly skip: number; readonly out: number } => {
  const scaled = t * TIMESTEP_SCALING;
  const spread = scaled ** 2 + SIGMA_DATA ** 2;
  return { skip: SIGMA_DATA ** 2 / spread, out: scaled / Math.sqrt(spread) };
};

/**
 * Latent consistency distillation (Luo et al. 2023, arXiv 2310.04378; PixArt-δ, arXiv 2401.05252; PixArt-alpha
 * `train_scripts/train_pixart_lcm.py`): at a solver step the student learns to predict what its average predicts one step further
 * on, at the point that the guided teacher's DDIM step leads to.
 */
export function latentConsistencyLoss(
  schedule: NoiseSchedule,
  { original, noise, solverIndices }: LatentConsistencyInput,
  { student, teacher, target }: LatentConsistencyModels,
  { guidanceScale, solverSteps, huberC }: LatentConsistencyOptions,
): ObjectiveOutput {
  return torch.tidy(() => {
    const stride = Math.floor(schedule.length / solverSteps);
    const starts = solverIndices.map((index) => (index + 1) * stride - 1);
    const ends = starts.map((t) => Math.max(t - stride, 0));
    const gather = (value: (t: number) => number, timesteps: readonly number[]): Tensor =>
      schedule.gather((_, t) => value(t), timesteps, original);
    const signal = (t: number): number => Math.sqrt(schedule.at(t).acp);
    const spread = (t: number): number => Math.sqrt(1 - schedule.at(t).acp);
    const x0Of = (x: Tensor, epsilon: Tensor, timesteps: readonly number[]): Tensor =>
      x.sub(gather(spread, timesteps).mul(epsilon)).div(gather(signal, timesteps));
    const consistent = (x: Tensor, epsilon: Tensor, timesteps: readonly number[]): Tensor =>
      gather((t) => boundary(t).skip, timesteps)
        .mul(x)
        .add(gather((t) => boundary(t).out, timesteps).mul(x0Of(x, epsilon, timesteps)));

    const noisy = schedule.addNoise(original, noise, starts);
    const wanted = torch.noGrad(() => {
      const [towards, away] = [teacher.conditional, teacher.unconditional].map((predict) =>
        predict(noisy, starts).float(),
      ) as [Tensor, Tensor];
      const guided = (toward: Tensor, from: Tensor): Tensor =>
        toward.add(toward.sub(from).mul(guidanceScale));
      const x0 = guided(x0Of(noisy, towards, starts), x0Of(noisy, away, starts));
      const epsilon = guided(towards, away);
      // The solver's last point is the schedule's first timestep.
      const previous = solverIndices.map((index) => Math.max(index * stride - 1, 0));
      const stepped = gather(signal, previous).mul(x0).add(gather(spread, previous).mul(epsilon));
      return consistent(stepped, target(stepped, ends).float(), ends);
    });
    // Last, because until then the target's weights may be in place of the student's.
    const predicted = consistent(noisy, student(noisy, starts).float(), starts);
    const distance = predicted
      .sub(wanted)
      .square()
      .add(huberC ** 2)
      .sqrt()
      .sub(huberC);
    const loss = meanPerSample(distance);
    return { loss, parts: { consistency: loss.detach() } };
  });
}
