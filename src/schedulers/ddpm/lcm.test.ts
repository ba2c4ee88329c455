import { describe, expect, it } from "vitest";
import { LCMScheduler } from "./lcm.ts";

describe("LCMScheduler", () => {
  it.each([
    [4, [999, 759, 499, 259]],
    [1, [999]],
    [2, [999, 499]],
  ])("takes %i of the distilled solver's 50 timesteps", (steps, expected) => {
    const scheduler = LCMScheduler.fromConfig();
    scheduler.setTimesteps(steps);
    expect(scheduler.timesteps).toEqual(expected);
  });

  it("has as many steps as the solver that it was distilled from, and no more", () => {
    expect(() => LCMScheduler.fromConfig().setTimesteps(51)).toThrow(
      "Expected at most 50 (original_inference_steps) for numInferenceSteps but received 51",
    );
    expect(() => LCMScheduler.fromConfig({ original_inference_steps: 2000 })).toThrow(
      "Expected at most 1000 (num_train_timesteps) for original_inference_steps but received 2000",
    );
  });

  it("refuses a fractional timestep of one's own", () => {
    expect(() => LCMScheduler.fromConfig().setTimesteps({ timesteps: [9.5] })).toThrow(
      "Expected an integer from 0 to 999 for timestep but received 9.5",
    );
  });
});
