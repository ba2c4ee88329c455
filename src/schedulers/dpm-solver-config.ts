import {
  type PredictionType,
  predictionField,
  type RespacingConfig,
  respacingFields,
  type ScheduleConfig,
  type SpacingConfig,
  scheduleFields,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
} from "./common-fields.ts";
import { type Fields, flag, number, oneOf } from "./config-fields.ts";
import type { DPMSolverAlgorithm } from "./dpm-solver-update.ts";

/** The fields of diffusers' `DPMSolverMultistepScheduler` that this one knows, in camelCase. */
export interface DPMSolverMultistepConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: PredictionType;
  readonly algorithmType: DPMSolverAlgorithm;
  readonly solverType: "midpoint" | "heun";
  readonly lowerOrderFinal: boolean;
  readonly eulerAtFinal: boolean;
  readonly useLuLambdas: boolean;
  readonly useFlowSigmas: false;
  readonly flowShift: number;
  readonly finalSigmasType: "zero" | "sigma_min";
  readonly lambdaMinClipped: number;
  readonly varianceType: null;
  readonly rescaleBetasZeroSnr: false;
  readonly useDynamicShifting: false;
  readonly timeShiftType: "exponential";
}

export const dpmSolverFields: Fields<DPMSolverMultistepConfig> = {
  ...scheduleFields,
  solverOrder: oneOf(2, 1, 3),
  predictionType: predictionField,
  ...thresholdingFields,
  algorithmType: oneOf("dpmsolver++", "sde-dpmsolver++", "dpmsolver"),
  solverType: oneOf("midpoint", "heun"),
  lowerOrderFinal: flag(true),
  eulerAtFinal: flag(false),
  ...respacingFields,
  useLuLambdas: flag(false),
  useFlowSigmas: oneOf(false),
  flowShift: number(1),
  finalSigmasType: oneOf("zero", "sigma_min"),
  lambdaMinClipped: number(Number.NEGATIVE_INFINITY),
  varianceType: oneOf(null),
  ...spacingFields,
  rescaleBetasZeroSnr: oneOf(false),
  useDynamicShifting: oneOf(false),
  timeShiftType: oneOf("exponential"),
};
