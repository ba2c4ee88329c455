import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { HeunDiscreteScheduler } from "./heun-discrete.ts";

describe("HeunDiscreteScheduler", () => {
  it("asks the model twice a step, but once in the last", () => {
    using scheduler = HeunDiscreteScheduler.fromConfig();
    scheduler.setTimesteps(4);
    expect(scheduler.timesteps).toEqual([999, 666, 666, 333, 333, 0, 0]);
  });

  it("begins in the middle with the first half of a step", () => {
    using scheduler = HeunDiscreteScheduler.fromConfig();
    scheduler.setTimesteps(4);
    torch.tidy(() => {
      const x = torch.tensor([1]);
      const { prevSample } = scheduler.step(torch.tensor([0]), 333, x);
      expect(prevSample.item()).toBe(1);
      scheduler.step(torch.tensor([0]), 0, prevSample);
      expect(() => scheduler.step(x, 333, x)).toThrow("Expected 0 for timestep but received 333");
    });
  });
});
