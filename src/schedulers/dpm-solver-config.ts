import type { ConfigObject } from "../weights/index.ts";

/** The fields of diffusers' `DPMSolverMultistepScheduler` that this one knows, in camelCase. */
export interface DPMSolverMultistepConfig {
  readonly numTrainTimesteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: "linear" | "scaled_linear";
  readonly trainedBetas: null;
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: "epsilon" | "sample" | "v_prediction";
  readonly thresholding: false;
  readonly dynamicThresholdingRatio: number;
  readonly sampleMaxValue: number;
  readonly algorithmType: "dpmsolver++";
  readonly solverType: "midpoint" | "heun";
  readonly lowerOrderFinal: boolean;
  readonly eulerAtFinal: boolean;
  readonly useKarrasSigmas: boolean;
  readonly useExponentialSigmas: false;
  readonly useBetaSigmas: false;
  readonly useLuLambdas: false;
  readonly useFlowSigmas: false;
  readonly flowShift: number;
  readonly finalSigmasType: "zero" | "sigma_min";
  readonly lambdaMinClipped: number;
  readonly varianceType: null;
  readonly timestepSpacing: "linspace" | "leading" | "trailing";
  readonly stepsOffset: number;
  readonly rescaleBetasZeroSnr: false;
  readonly useDynamicShifting: false;
  readonly timeShiftType: "exponential";
}

interface Field {
  readonly initial: unknown;
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

const oneOf = (initial: unknown, ...others: unknown[]): Field => ({
  initial,
  expected: [initial, ...others].map((value) => JSON.stringify(value)).join(" or "),
  accepts: (value) => value === initial || others.includes(value),
});

const number = (
  initial: number,
  expected = "a number",
  test: (value: number) => boolean = () => true,
): Field => ({
  initial,
  expected,
  accepts: (value) => typeof value === "number" && test(value),
});

const positive = (initial: number): Field =>
  number(initial, "a positive number", (value) => value > 0 && Number.isFinite(value));

const flag = (initial: boolean): Field => oneOf(initial, !initial);

const fields: Readonly<Record<keyof DPMSolverMultistepConfig, Field>> = {
  numTrainTimesteps: number(1000, "an integer above 1", (n) => Number.isInteger(n) && n > 1),
  betaStart: positive(1e-4),
  betaEnd: positive(0.02),
  betaSchedule: oneOf("linear", "scaled_linear"),
  trainedBetas: oneOf(null),
  solverOrder: oneOf(2, 1, 3),
  predictionType: oneOf("epsilon", "sample", "v_prediction"),
  thresholding: oneOf(false),
  dynamicThresholdingRatio: number(0.995),
  sampleMaxValue: number(1),
  algorithmType: oneOf("dpmsolver++"),
  solverType: oneOf("midpoint", "heun"),
  lowerOrderFinal: flag(true),
  eulerAtFinal: flag(false),
  useKarrasSigmas: flag(false),
  useExponentialSigmas: oneOf(false),
  useBetaSigmas: oneOf(false),
  useLuLambdas: oneOf(false),
  useFlowSigmas: oneOf(false),
  flowShift: number(1),
  finalSigmasType: oneOf("zero", "sigma_min"),
  lambdaMinClipped: number(Number.NEGATIVE_INFINITY),
  varianceType: oneOf(null),
  timestepSpacing: oneOf("linspace", "leading", "trailing"),
  stepsOffset: number(0, "an integer", Number.isInteger),
  rescaleBetasZeroSnr: oneOf(false),
  useDynamicShifting: oneOf(false),
  timeShiftType: oneOf("exponential"),
};

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Reads the snake_case fields of a scheduler file; absent ones take diffusers' defaults and keys of other
 * schedulers are passed over, as diffusers does. Throws on a value that this solver can't honour.
 */
export function readDPMSolverConfig(
  json: Readonly<Record<string, unknown>>,
): DPMSolverMultistepConfig {
  const entries = Object.entries(fields).map(([name, field]) => {
    const key = snakeCase(name);
    const value = key in json ? json[key] : field.initial;
    if (!field.accepts(value)) {
      throw new Error(
        `Expected ${field.expected} for ${key} but received ${JSON.stringify(value)}`,
      );
    }
    return [name, value];
  });
  return Object.fromEntries(entries) as DPMSolverMultistepConfig;
}

/** The snake_case form of a config, as `scheduler_config.json` holds it. */
export function writeDPMSolverConfig(config: DPMSolverMultistepConfig): ConfigObject {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [snakeCase(name), value]),
  );
}
