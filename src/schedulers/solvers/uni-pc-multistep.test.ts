import { describe, expect, it } from "vitest";
import { UniPCMultistepScheduler } from "./uni-pc-multistep.ts";

describe("UniPCMultistepScheduler", () => {
  it.each(["lower_order_final", "predict_x0"])("ends with noise where %s is false", (key) => {
    const config = { [key]: false, final_sigmas_type: "zero" };
    expect(() => UniPCMultistepScheduler.fromConfig(config)).toThrow(
      'Expected "sigma_min" for final_sigmas_type where predict_x0 or lower_order_final is false but received "zero"',
    );
  });

  it("reads which steps are not corrected", () => {
    const { config } = UniPCMultistepScheduler.fromConfig({ disable_corrector: [0, 2] });
    expect(config.disableCorrector).toEqual([0, 2]);
    expect(() => UniPCMultistepScheduler.fromConfig({ disable_corrector: [0.5] })).toThrow(
      "Expected a list of integers for disable_corrector but received [0.5]",
    );
  });
});
