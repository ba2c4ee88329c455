import type { Series } from "../../../src/studio/api-types.ts";
import { durationText } from "../words/durations.ts";
import { countText } from "../words/numbers.ts";

/** Unit of the axis below a curve. */
export type AxisUnit = "step" | "epoch" | "time";

/** An axis: from steps to its unit, back, and a value as text. */
export interface StepAxis {
  readonly unit: AxisUnit;
  readonly fromStep: (step: number) => number;
  readonly toStep: (value: number) => number;
  readonly text: (value: number) => string;
}

export const stepsThemselves: StepAxis = {
  unit: "step",
  fromStep: (step) => step,
  toStep: (value) => Math.round(value),
  text: countText,
};

type Facts = Pick<Series, "seconds" | "secondsAt" | "imagesPerStep" | "epochImages">;

/** Units for which a stage's series has enough data. */
export function unitsOf({ seconds, imagesPerStep, epochImages }: Facts): AxisUnit[] {
  const units: AxisUnit[] = ["step"];
  if (imagesPerStep !== null && epochImages !== null && epochImages > 0) units.push("epoch");
  if (seconds.length > 1) units.push("time");
  return units;
}

/** The axis of a unit; that of steps if the series doesn't have enough data. */
export function stepAxis(unit: AxisUnit, facts: Facts): StepAxis {
  if (!unitsOf(facts).includes(unit) || unit === "step") return stepsThemselves;
  if (unit === "time") {
    const { secondsAt, seconds } = facts;
    return {
      unit,
      fromStep: (step) => between(secondsAt, seconds, step),
      toStep: (value) => Math.round(between(seconds, secondsAt, value)),
      text: durationText,
    };
  }
  const stepsPerEpoch = (facts.epochImages ?? 1) / (facts.imagesPerStep ?? 1);
  return {
    unit,
    fromStep: (step) => step / stepsPerEpoch,
    toStep: (value) => Math.round(value * stepsPerEpoch),
    text: (value) => String(Number(value.toFixed(2))),
  };
}

/** Linear interpolation between the known points, extrapolated beyond the last ones. `xs` ascend. */
export function between(xs: readonly number[], ys: readonly number[], x: number): number {
  let high = xs.findIndex((known) => known >= x);
  if (high === -1) high = xs.length - 1;
  high = Math.max(high, 1);
  const [x0 = 0, x1 = 0] = [xs[high - 1], xs[high]];
  const [y0 = 0, y1 = 0] = [ys[high - 1], ys[high]];
  return x1 === x0 ? y1 : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}
