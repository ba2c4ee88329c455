import { type Fields, flag, number, oneOf, positive } from "./config-fields.ts";

/** The noise schedule that the model was trained with. */
export interface ScheduleConfig {
  readonly numTrainTimesteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: "linear" | "scaled_linear";
  readonly trainedBetas: null;
}

/** What the model predicts: the noise, the clean sample, or the velocity. */
export type PredictionType = "epsilon" | "sample" | "v_prediction";

/** How the steps are chosen among the training timesteps. */
export interface SpacingConfig {
  readonly timestepSpacing: "linspace" | "leading" | "trailing";
  readonly stepsOffset: number;
}

/** Dynamic thresholding, which is for pixels and off here. */
export interface ThresholdingConfig {
  readonly thresholding: false;
  readonly dynamicThresholdingRatio: number;
  readonly sampleMaxValue: number;
}

/** Whether x0 is clipped, which suits pixels and not latents. */
export interface ClippingConfig {
  readonly clipSample: boolean;
  readonly clipSampleRange: number;
}

/** Other ways to space the noise levels; at most one is on. */
export interface RespacingConfig {
  readonly useKarrasSigmas: boolean;
  readonly useExponentialSigmas: boolean;
  readonly useBetaSigmas: false;
}

export const scheduleFields: Fields<ScheduleConfig> = {
  numTrainTimesteps: number(1000, "an integer above 1", (n) => Number.isInteger(n) && n > 1),
  betaStart: positive(1e-4),
  betaEnd: positive(0.02),
  betaSchedule: oneOf("linear", "scaled_linear"),
  trainedBetas: oneOf(null),
};

export const predictionField = oneOf("epsilon", "sample", "v_prediction");

export const spacingFields: Fields<SpacingConfig> = {
  timestepSpacing: oneOf("linspace", "leading", "trailing"),
  stepsOffset: number(0, "an integer", Number.isInteger),
};

export const thresholdingFields: Fields<ThresholdingConfig> = {
  thresholding: oneOf(false),
  dynamicThresholdingRatio: number(0.995),
  sampleMaxValue: number(1),
};

export const clippingFields: Fields<ClippingConfig> = {
  clipSample: flag(true),
  clipSampleRange: positive(1),
};

export const respacingFields: Fields<RespacingConfig> = {
  useKarrasSigmas: flag(false),
  useExponentialSigmas: flag(false),
  useBetaSigmas: oneOf(false),
};
