import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { IDDPMScheduler } from "./iddpm.ts";

describe("IDDPMScheduler", () => {
  it("spaces 100 steps from the first timestep to the last", () => {
    using scheduler = IDDPMScheduler.fromConfig();
    scheduler.setTimesteps(100);
    expect(scheduler.timesteps.length).toBe(100);
    expect(scheduler.timesteps.slice(0, 3)).toEqual([999, 989, 979]);
    expect(scheduler.timesteps.slice(-3)).toEqual([20, 10, 0]);
  });

  it.each([1, 1001])("refuses %i steps", (steps) => {
    expect(() => IDDPMScheduler.fromConfig().setTimesteps(steps)).toThrow(
      `Expected 2 to 1000 (the training timesteps) for numInferenceSteps but received ${steps}`,
    );
  });

  it("wants the variance where the model is said to predict it, and else not", () => {
    for (const [variance_type, wanted, given, word] of [
      ["learned_range", 8, 4, "with"],
      ["fixed_large", 4, 8, "without"],
    ] as const) {
      using scheduler = IDDPMScheduler.fromConfig({ variance_type });
      expect(scheduler.usesLearnedVariance).toBe(wanted === 8);
      scheduler.setTimesteps(10);
      torch.tidy(() => {
        const x = torch.zeros([1, 4, 2, 2]);
        const output = torch.zeros([1, given, 2, 2]);
        expect(() => scheduler.step(output, 999, x)).toThrow(
          `Expected ${wanted} channels (${word} the variance, as variance_type says) for modelOutput but received ${given}`,
        );
      });
    }
  });
});
