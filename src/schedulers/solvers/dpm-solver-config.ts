import { InvalidValueError } from "../../errors/index.ts";
import { flag, number, oneOf } from "../../files/reading/config-fields.ts";
import {
  type FlowConfig,
  flowFields,
  learnedVarianceField,
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
import { type Fields, orMeaning, type SchedulerField } from "../config/config-fields.ts";
import type { DPMSolverAlgorithm } from "./dpm-solver-update.ts";

/** The common fields of diffusers' DPM-Solvers, in camelCase. */
export interface DPMSolverConfig
  extends ScheduleConfig,
    ThresholdingConfig,
    RespacingConfig,
    FlowConfig,
    ShiftingConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: SolverPredictionType;
  readonly algorithmType: DPMSolverAlgorithm;
  readonly solverType: "midpoint" | "heun";
  readonly lowerOrderFinal: boolean;
  readonly finalSigmasType: "zero" | "sigma_min";
  readonly lambdaMinClipped: number;
  readonly varianceType: "learned" | "learned_range" | null;
}

/** The fields of diffusers' `DPMSolverMultistepScheduler`, in camelCase. */
export interface DPMSolverMultistepConfig extends DPMSolverConfig, SpacingConfig, ZeroSnrConfig {
  readonly eulerAtFinal: boolean;
  readonly useLuLambdas: boolean;
}

/** The fields of diffusers' `DPMSolverSinglestepScheduler`, in camelCase. */
export interface DPMSolverSinglestepConfig extends DPMSolverConfig {
  readonly algorithmType: Exclude<DPMSolverAlgorithm, "sde-dpmsolver">;
}

/** DPM-Solver's solver type, also accepting the names of other samplers. */
export const dpmSolverTypeField = orMeaning(
  oneOf("midpoint", "heun"),
  "midpoint",
  "logrho",
  "bh1",
  "bh2",
);

/** One of DPM-Solver's algorithms, the default first, or DEIS's, which is then the default. */
export const algorithmField = <T extends DPMSolverAlgorithm>(
  ...names: readonly T[]
): SchedulerField<T | "dpmsolver++"> =>
  orMeaning(oneOf<T | "dpmsolver++">("dpmsolver++", ...names), "dpmsolver++", "deis");

const dpmSolverFields: Fields<DPMSolverConfig> = {
  ...scheduleFields,
  solverOrder: oneOf(2, 1, 3),
  predictionType: solverPredictionField,
  ...thresholdingFields,
  algorithmType: algorithmField("sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"),
  solverType: dpmSolverTypeField,
  lowerOrderFinal: flag(true),
  ...respacingFields,
  ...flowFields,
  ...shiftingFields,
  finalSigmasType: oneOf("zero", "sigma_min"),
  lambdaMinClipped: number(Number.NEGATIVE_INFINITY),
  varianceType: learnedVarianceField,
};

export const dpmSolverMultistepFields: Fields<DPMSolverMultistepConfig> = {
  ...dpmSolverFields,
  eulerAtFinal: flag(false),
  useLuLambdas: flag(false),
  ...spacingFields,
  ...zeroSnrFields,
};

export const dpmSolverSinglestepFields: Fields<DPMSolverSinglestepConfig> = {
  ...dpmSolverFields,
  algorithmType: algorithmField("sde-dpmsolver++", "dpmsolver"),
  lowerOrderFinal: flag(false),
};

/** Throws for a combination of fields that has no meaning in diffusers' class. */
export function requireSolvable(config: DPMSolverConfig): void {
  const { algorithmType, finalSigmasType, predictionType, solverOrder } = config;
  const integratesNoise = algorithmType === "dpmsolver" || algorithmType === "sde-dpmsolver";
  if (integratesNoise && finalSigmasType === "zero") {
    throw new InvalidValueError(
      `Expected "sigma_min" for final_sigmas_type where algorithm_type is "${algorithmType}" but received "zero"`,
    );
  }
  if (integratesNoise && predictionType === "flow_prediction") {
    throw new InvalidValueError(
      `Expected "dpmsolver++" or "sde-dpmsolver++" for algorithm_type where prediction_type is "flow_prediction" but received "${algorithmType}"`,
    );
  }
  if (algorithmType === "sde-dpmsolver" && solverOrder === 3) {
    throw new InvalidValueError(
      'Expected 1 or 2 for solver_order where algorithm_type is "sde-dpmsolver" but received 3',
    );
  }
}

/** The order that is stable at step `index` of `count`: it grows from 1 and falls again at the end of a short schedule. */
export function multistepOrder(
  index: number,
  count: number,
  predictions: number,
  config: Pick<
    DPMSolverMultistepConfig,
    "solverOrder" | "lowerOrderFinal" | "eulerAtFinal" | "finalSigmasType"
  >,
): number {
  const { solverOrder, lowerOrderFinal, eulerAtFinal, finalSigmasType } = config;
  const remaining = count - index;
  const short = lowerOrderFinal && count < 15;
  const known = Math.min(solverOrder, predictions);
  if (remaining === 1 && (short || eulerAtFinal || finalSigmasType === "zero")) return 1;
  return remaining === 2 && short ? Math.min(known, 2) : known;
}

/** Defaults for files of other kinds of samplers, which use other algorithm, solver and variance types under these names. */
export const dpmSolverForeign = {
  algorithmType: "dpmsolver++",
  solverType: "midpoint",
  varianceType: null,
} as const;
