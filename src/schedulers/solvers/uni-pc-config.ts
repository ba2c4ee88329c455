import { expected, InvalidValueError } from "../../errors/index.ts";
import { type Field, flag, nullable, oneOf, positive } from "../../files/reading/config-fields.ts";
import {
  type FlowConfig,
  flowFields,
  type RespacingConfig,
  respacingFields,
  type ScheduleConfig,
  type ShiftingConfig,
  type SolverPredictionType,
  type SpacingConfig,
  scheduleFields,
  shiftingFields,
  solverPredictionField,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
  type ZeroSnrConfig,
  zeroSnrFields,
} from "../config/common-fields.ts";
import { type Fields, orMeaning } from "../config/config-fields.ts";

/** The fields of diffusers' `UniPCMultistepScheduler`, in camelCase. */
export interface UniPCMultistepConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig,
    FlowConfig,
    ShiftingConfig,
    ZeroSnrConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: SolverPredictionType;
  readonly predictX0: boolean;
  readonly solverType: "bh1" | "bh2";
  readonly lowerOrderFinal: boolean;
  /** Steps, counted from 0, after which the sample is not corrected. */
  readonly disableCorrector: readonly number[];
  readonly solverP: null;
  readonly finalSigmasType: "zero" | "sigma_min";
  /** The lowest and the highest level if levels are respaced. Default: those of the training. */
  readonly sigmaMin: number | null;
  readonly sigmaMax: number | null;
  /** The last level that a flow's levels are stretched to. */
  readonly shiftTerminal: number | null;
}

const stepNumbers: Field<readonly number[]> = {
  initial: [],
  expected: "a list of integers",
  accepts: (value) => Array.isArray(value) && value.every(Number.isInteger),
};

export const uniPCFields: Fields<UniPCMultistepConfig> = {
  ...scheduleFields,
  solverOrder: oneOf(2, 1, 3),
  predictionType: solverPredictionField,
  ...thresholdingFields,
  predictX0: flag(true),
  solverType: orMeaning(oneOf("bh2", "bh1"), "bh2", "midpoint", "heun", "logrho"),
  lowerOrderFinal: flag(true),
  disableCorrector: stepNumbers,
  solverP: oneOf(null),
  ...respacingFields,
  ...flowFields,
  ...shiftingFields,
  ...spacingFields,
  finalSigmasType: oneOf("zero", "sigma_min"),
  ...zeroSnrFields,
  sigmaMin: nullable(positive(1)),
  sigmaMax: nullable(positive(1)),
  shiftTerminal: nullable(positive(1)),
};

/** Throws for a combination of fields that has no meaning in diffusers' class. */
export function requireSolvableUniPC(config: UniPCMultistepConfig): void {
  const { finalSigmasType, predictX0, lowerOrderFinal, predictionType } = config;
  if (finalSigmasType === "zero" && !(predictX0 && lowerOrderFinal)) {
    throw expected(
      '"sigma_min"',
      "final_sigmas_type where predict_x0 or lower_order_final is false",
      '"zero"',
    );
  }
  if (predictionType === "flow_prediction" && !predictX0) {
    throw new InvalidValueError(
      'Expected true for predict_x0 where prediction_type is "flow_prediction" but received false',
    );
  }
  if (config.shiftTerminal !== null && !config.useFlowSigmas) {
    throw expected(
      "true",
      `use_flow_sigmas where shift_terminal is ${config.shiftTerminal}`,
      "false",
    );
  }
}
