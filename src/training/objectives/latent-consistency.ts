import type { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { meanPerSample, type ObjectiveOutput } from "./objective.ts";

// Shapes: B samples, C latent channels, h and w latent size.

/** How latent consistency is distilled; the defaults of PixArt-δ's recipe. */
export interface LatentConsistencyOptions {
  /** How far the teacher goes beyond its conditional prediction; one more than this in a pipeline's terms. */
  readonly guidanceScale: number;
  /** Steps of the DDIM solver whose neighbours are to agree. */
  readonly solverSteps: number;
  /** Where the pseudo-Huber loss turns from square to straight. */
  readonly huberC: number;
}

/** ε (B, C, h, w) of noisy latents at timesteps. */
export type PredictNoise = (noisy: Tensor, timesteps: readonly number[]) => Tensor;

/** The three networks of a distillation. */
export interface LatentConsistencyModels {
  readonly student: PredictNoise;
  readonly teacher: { readonly conditional: PredictNoise; readonly unconditional: PredictNoise };
  /** The student's average, without gradients. */
  readonly target: PredictNoise;
}

export interface LatentConsistencyInput {
  /** (B, C, h, w): x0. */
  readonly original: Tensor;
  /** (B, C, h, w). */
  readonly noise: Tensor;
  /** Number of each sample's solver step, 0 for the least noisy. */
  readonly solverIndices: readonly number[];
}

const SIGMA_DATA = 0.5;
const TIMESTEP_SCALING = 10;

/** How much of the sample, and how much of the prediction, a consistency function is at a timestep. */
const boundary = (t: number): { readonly skip: number; readonly out: number } => {
  const scaled = t * TIMESTEP_SCALING;
  const spread = scaled ** 2 + SIGMA_DATA ** 2;
  return { skip: SIGMA_DATA ** 2 / spread, out: scaled / Math.sqrt(spread) };
};

/**
 * Latent consistency distillation (Luo et al. 2023, arXiv 2310.04378; PixArt-δ, arXiv 2401.05252; PixArt-alpha
 * `train_scripts/train_pixart_lcm.py`): at a step of the solver the student is to predict what its average predicts one
 * step further on, where the guided teacher's DDIM step leads.
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
    // Last, because the target's weights may be put in place of the student's meanwhile.
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
