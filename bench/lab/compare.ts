import { ARMS } from "./arms.ts";
import {
  type Curve,
  endOf,
  everyPicture,
  gainAtEnd,
  type Interval,
  median,
  medianToTarget,
  rates,
  ratioToTarget,
  toTarget,
} from "./curves.ts";
import type { RunResult } from "./run-files.ts";

/** What came of an arm. */
export interface ComparedArm {
  readonly name: string;
  readonly what: string;
  readonly without: string | undefined;
  readonly runs: readonly RunResult[];
  readonly curves: readonly Curve[];
  /** Share of held-out pairs at the end, in the median over the seeds. */
  readonly end: number;
  /** TFLOP to the target, in the median over the seeds; infinite where it is not reached. */
  readonly toTarget: number;
  /** Of that to FULL's. */
  readonly ratio: Interval;
  /** The same with FULL's pixel stage as something that was at hand. */
  readonly ratioWithoutPixels: Interval;
  /** Each seed's by itself, paired. */
  readonly seedRatios: readonly number[];
  /** Share of pairs more than FULL's at the end, in the mean over the seeds. */
  readonly gain: Interval;
  /** For each seed the errors by noise level at the end. */
  readonly errors: readonly (readonly number[])[];
}

/** What a lab's runs say together. */
export interface Comparison {
  readonly arms: readonly ComparedArm[];
  /** Seeds that all arms have. */
  readonly seeds: readonly number[];
  /** What the worst arm's median reaches at its end. */
  readonly target: number;
  readonly budget: number;
  /** Standard error of a run's share of held-out pairs, at the target. */
  readonly standardError: number;
}

const curveOf = ({ seed, points }: RunResult): Curve => ({
  seed,
  tflop: points.map(({ tflop }) => tflop),
  right: points.map(({ right }) => right),
});

/** TFLOP of the stages that learn classes. */
const pixelTflop = ({ stages }: RunResult): number =>
  stages
    .filter(({ name }) => name.startsWith("classes"))
    .reduce((sum, { steps, gflop }) => sum + (steps * gflop) / 1000, 0);

/** Compares the arms by the seeds that all of them have. Throws where FULL has none. */
export function compare(results: readonly RunResult[], budget: number): Comparison {
  const of = (name: string): RunResult[] => results.filter(({ design }) => design === name);
  const begun = ARMS.filter(({ name }) => of(name).length > 0);
  const seeds = [...new Set(results.map(({ seed }) => seed))]
    .filter((seed) => begun.every(({ name }) => of(name).some((run) => run.seed === seed)))
    .sort((a, b) => a - b);
  const runsOf = (name: string): RunResult[] =>
    seeds.flatMap((seed) => of(name).find((run) => run.seed === seed) ?? []);
  const full = runsOf("FULL");
  if (full.length === 0) throw new Error("Expected runs of FULL that are done but found none");
  const base = full.map(curveOf);
  const target = Math.min(...begun.map(({ name }) => endOf(runsOf(name).map(curveOf))));
  const pictures = base[0]?.right[0]?.length ?? 1;
  const free = median(full.map(pixelTflop));
  const arms = begun.map(({ name, what, without }): ComparedArm => {
    const runs = runsOf(name);
    const curves = runs.map(curveOf);
    const reached = (curve: Curve): number =>
      toTarget(curve.tflop, rates(curve, everyPicture(curve)), target);
    return {
      name,
      what,
      without,
      runs,
      curves,
      end: endOf(curves),
      toTarget: medianToTarget(curves, target),
      ratio: ratioToTarget(curves, base, target),
      ratioWithoutPixels: ratioToTarget(curves, base, target, free),
      seedRatios: curves.map((curve, i) => {
        const other = base[i];
        return other === undefined ? Number.NaN : reached(curve) / reached(other);
      }),
      gain: gainAtEnd(curves, base),
      errors: runs.map(({ points }) => points.at(-1)?.errors ?? []),
    };
  });
  const standardError = Math.sqrt((target * (1 - target)) / pictures);
  return { arms, seeds, target, budget, standardError };
}
