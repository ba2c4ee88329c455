import { describe, expect, it } from "vitest";
import { SASolverScheduler } from "./sa-solver.ts";
import { exponentialWeights } from "./sa-solver-coefficients.ts";

/** ∫ e^{cλ}·L(λ) by Simpson's rule, where L is 1 at points[i] and 0 at the others. */
function integral(points: number[], i: number, start: number, end: number, c: number): number {
  const value = (x: number): number =>
    points.reduce(
      (product, p, j) => (j === i ? product : (product * (x - p)) / ((points[i] ?? 0) - p)),
      Math.exp(c * x),
    );
  const parts = 1000;
  const step = (end - start) / parts;
  let sum = value(start) + value(end);
  for (let k = 1; k < parts; k++) sum += (k % 2 === 1 ? 4 : 2) * value(start + k * step);
  return (sum * step) / 3;
}

describe("SASolverScheduler", () => {
  it("takes its timesteps as DPM-Solver does", () => {
    using scheduler = SASolverScheduler.fromConfig();
    scheduler.setTimesteps(25);
    expect(scheduler.timesteps.slice(0, 3)).toEqual([999, 959, 919]);
    expect(scheduler.timesteps.slice(-2)).toEqual([80, 40]);
  });

  it.each([1, 2])("weighs predictions by their polynomials' integrals, c = %i", (c) => {
    const points = [-0.25, -0.75, -1.5, -2];
    for (let order = 1; order <= 4; order++) {
      const used = points.slice(0, order);
      for (const [i, weight] of exponentialWeights(used, -0.25, 0.5, c).entries()) {
        expect(weight).toBeCloseTo(integral(used, i, -0.25, 0.5, c), 4);
      }
    }
  });
});
