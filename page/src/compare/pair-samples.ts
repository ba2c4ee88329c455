import type { SampleSet } from "../../../src/studio/api-types.ts";

/** Samples of a at one step, and those of b at the nearest step. */
export interface SamplePair {
  readonly a: SampleSet;
  readonly b: SampleSet;
}

/** For every step of the run with more of them, the nearest one of the other. */
export function pairSamples(a: readonly SampleSet[], b: readonly SampleSet[]): SamplePair[] {
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
  return longer.flatMap((set) => {
    const other = nearest(shorter, set.step);
    if (other === undefined) return [];
    return longer === a ? [{ a: set, b: other }] : [{ a: other, b: set }];
  });
}

function nearest(sets: readonly SampleSet[], step: number): SampleSet | undefined {
  const distance = (set: SampleSet): number => Math.abs(set.step - step);
  return [...sets].sort((x, y) => distance(x) - distance(y))[0];
}
