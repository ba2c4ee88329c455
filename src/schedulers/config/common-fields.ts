import { type Field, flag, number, oneOf, positive } from "../../files/reading/config-fields.ts";
import { type Fields, orMeaning } from "./config-fields.ts";
import { MOST_TIMESTEPS } from "./most-timesteps.ts";

/** How β grows with the timestep; see `betas.ts`. */
export type BetaSchedule =
  | "linear"
  | "scaled_linear"
  | "squaredcos_cap_v2"
  | "exp"
  | "laplace"
  | "sigmoid";

/** The noise schedule that the model was trained with. */
export interface ScheduleConfig {
  readonly numTrainTimesteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: BetaSchedule;
  /** β of each training timestep, instead of the three above. */
  readonly trainedBetas: readonly number[] | null;
}

/** Whether the schedule is rescaled to end in pure noise (Lin et al. 2024, arXiv 2305.08891, algorithm 1). */
export interface ZeroSnrConfig {
  readonly rescaleBetasZeroSnr: boolean;
}

/** What the model predicts: the noise, the clean sample, or the velocity. */
export type PredictionType = "epsilon" | "sample" | "v_prediction";

/** As `PredictionType`, or the flow from the sample to the noise, if noise levels are those of flows. */
export type SolverPredictionType = PredictionType | "flow_prediction";

/** How the steps are chosen among the training timesteps. */
export interface SpacingConfig {
  readonly timestepSpacing: "linspace" | "leading" | "trailing";
  readonly stepsOffset: number;
}

/** Dynamic thresholding of x0 (Saharia et al. 2022, arXiv 2205.11487, section 2.3), suitable for pixels, not latents. */
export interface ThresholdingConfig {
  readonly thresholding: boolean;
  /** The share of a sample's values that stay within its threshold. */
  readonly dynamicThresholdingRatio: number;
  readonly sampleMaxValue: number;
}

/** Whether x0 is clipped, suitable for pixels, not latents. */
export interface ClippingConfig {
  readonly clipSample: boolean;
  readonly clipSampleRange: number;
}

/** Other ways to space the noise levels; at most one is enabled. */
export interface RespacingConfig {
  readonly useKarrasSigmas: boolean;
  readonly useExponentialSigmas: boolean;
  readonly useBetaSigmas: boolean;
}

/** Noise levels of flows: the sample is (1 − σ)·x0 + σ·ε. */
export interface FlowConfig {
  readonly useFlowSigmas: boolean;
  readonly flowShift: number;
}

/** A flow's shift by the picture's size. */
export interface ShiftingConfig {
  /** Would require a shift computed from each picture's size, which no PixArt has. */
  readonly useDynamicShifting: false;
  readonly timeShiftType: "exponential";
}

const isBeta = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 1;

const isSchedule = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.length <= MOST_TIMESTEPS && value.every(isBeta);

const betas: Field<readonly number[] | null> = {
  initial: null,
  expected: `null or a list of at most ${MOST_TIMESTEPS} numbers from 0 to 1`,
  accepts: (value) => value === null || isSchedule(value),
};

/** Number of timesteps a model was trained with. */
export const trainTimestepsField: Field<number> = number(
  1000,
  `an integer from 1 to ${MOST_TIMESTEPS}`,
  (n) => Number.isInteger(n) && n > 0 && n <= MOST_TIMESTEPS,
);

export const scheduleFields: Fields<ScheduleConfig> = {
  numTrainTimesteps: trainTimestepsField,
  betaStart: positive(1e-4),
  betaEnd: positive(0.02),
  betaSchedule: oneOf("linear", "scaled_linear", "squaredcos_cap_v2"),
  trainedBetas: betas,
};

export const zeroSnrFields: Fields<ZeroSnrConfig> = { rescaleBetasZeroSnr: flag(false) };

export const predictionField = oneOf("epsilon", "sample", "v_prediction");
export const solverPredictionField = oneOf("epsilon", "sample", "v_prediction", "flow_prediction");

/** Which variance the model predicts, for solvers that ignore it; the fixed ones of DDPM mean none. */
export const learnedVarianceField = orMeaning(
  oneOf(null, "learned", "learned_range"),
  null,
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
);

export const spacingFields: Fields<SpacingConfig> = {
  timestepSpacing: oneOf("linspace", "leading", "trailing"),
  stepsOffset: number(0, "an integer", Number.isInteger),
};

export const thresholdingFields: Fields<ThresholdingConfig> = {
  thresholding: flag(false),
  dynamicThresholdingRatio: number(0.995, "a number from 0 to 1", (n) => n >= 0 && n <= 1),
  sampleMaxValue: positive(1),
};

export const clippingFields: Fields<ClippingConfig> = {
  clipSample: flag(true),
  clipSampleRange: positive(1),
};

export const respacingFields: Fields<RespacingConfig> = {
  useKarrasSigmas: flag(false),
  useExponentialSigmas: flag(false),
  useBetaSigmas: flag(false),
};

export const flowFields: Fields<FlowConfig> = {
  useFlowSigmas: flag(false),
  flowShift: positive(1),
};

export const shiftingFields: Fields<ShiftingConfig> = {
  useDynamicShifting: oneOf(false),
  timeShiftType: oneOf("exponential"),
};
