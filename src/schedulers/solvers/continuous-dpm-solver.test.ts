import { describe, expect, it } from "vitest";
import { ContinuousDPMSolverScheduler } from "./continuous-dpm-solver.ts";

describe("ContinuousDPMSolverScheduler", () => {
  it("spaces its times evenly, between the timesteps", () => {
    using scheduler = ContinuousDPMSolverScheduler.fromConfig();
    scheduler.setTimesteps(20);
    const [first, second, third] = scheduler.timesteps;
    expect(first).toBe(999);
    expect(second).toBeCloseTo(949.05, 10);
    expect(third).toBeCloseTo(899.1, 10);
  });

  it("cuts off the noisiest timesteps of a schedule where solvers are unstable", () => {
    using scheduler = ContinuousDPMSolverScheduler.fromConfig({ beta_end: 0.03 });
    scheduler.setTimesteps(20);
    expect(scheduler.timesteps[0]).toBeLessThan(999);
  });

  it("has at least as many steps as its order", () => {
    expect(() => ContinuousDPMSolverScheduler.fromConfig().setTimesteps(1)).toThrow(
      "Expected at least 2 (the solver's order) for numInferenceSteps but received 1",
    );
  });
});
