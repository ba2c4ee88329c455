import { type BetaSchedule, NoiseSchedule, type Scheduler } from "../../schedulers/index.ts";

/** The fields of a scheduler's file that say how much noise each training timestep holds. */
export interface NoiseFields {
  readonly beta_start: number;
  readonly beta_end: number;
  readonly beta_schedule: BetaSchedule;
  readonly trained_betas: readonly number[] | null;
  readonly rescale_betas_zero_snr: boolean;
  readonly num_train_timesteps: number;
}

/** PixArt's (PixArt-alpha, diffusion/model/gaussian_diffusion.py). */
const PIXART: NoiseFields = {
  beta_start: 1e-4,
  beta_end: 0.02,
  beta_schedule: "linear",
  trained_betas: null,
  rescale_betas_zero_snr: false,
  num_train_timesteps: 1000,
};

/** A scheduler's fields; PixArt's where it has none. */
export function noiseFieldsOf(scheduler: Scheduler): NoiseFields {
  const config = scheduler.toConfig();
  const own = Object.keys(PIXART).filter((key) => config[key] !== undefined);
  return { ...PIXART, ...Object.fromEntries(own.map((key) => [key, config[key]])) };
}

/** The schedule to train with: in float64 as PixArt's own training, or the tables that a scheduler with other fields draws with. */
export function trainingSchedule(fields: NoiseFields): NoiseSchedule {
  if (JSON.stringify(fields) === JSON.stringify(PIXART)) return NoiseSchedule.linear();
  return NoiseSchedule.float32({
    betaStart: fields.beta_start,
    betaEnd: fields.beta_end,
    betaSchedule: fields.beta_schedule,
    trainedBetas: fields.trained_betas,
    rescaleBetasZeroSnr: fields.rescale_betas_zero_snr,
    numTrainTimesteps: fields.num_train_timesteps,
  });
}
