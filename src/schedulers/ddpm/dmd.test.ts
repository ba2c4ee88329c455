import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { DDPMScheduler } from "./ddpm.ts";
import { DMDScheduler } from "./dmd.ts";

describe("DMDScheduler", () => {
  it("makes the picture of the noise at timestep 400 in one step, without drawing", () => {
    using scheduler = DMDScheduler.fromConfig();
    scheduler.setTimesteps(1);
    expect(scheduler.timesteps).toEqual([400]);
    torch.tidy(() => {
      const x = torch.tensor([2.5, -1]);
      const output = torch.tensor([0.5, 0.25]);
      const { prevSample, predOriginalSample } = scheduler.step(output, 400, x);
      const acp = 0.193572; // of PixArt's schedule at 400
      const expected = (2.5 - Math.sqrt(1 - acp) * 0.5) / Math.sqrt(acp);
      expect(prevSample.toFloat32Array()[0]).toBeCloseTo(expected, 4);
      expect(predOriginalSample).toBe(prevSample);
    });
  });

  it("is what DDPM does with that timestep of its own", () => {
    using dmd = DMDScheduler.fromConfig();
    using ddpm = DDPMScheduler.fromConfig({ clip_sample: false });
    dmd.setTimesteps({ timesteps: [500] });
    ddpm.setTimesteps({ timesteps: [500] });
    torch.tidy(() => {
      const x = torch.tensor([2.5, -1]);
      const ours = dmd.step(x, 500, x).prevSample.toFloat32Array();
      const theirs = ddpm.step(x, 500, x, { generator: torch.generator(0) });
      expect(theirs.predOriginalSample?.toFloat32Array()).toEqual(ours);
      expect(theirs.prevSample.toFloat32Array()[0]).toBeCloseTo(ours[0] ?? 0, 6);
    });
  });

  it("clips where the file says so, and is a DDPMScheduler in files", () => {
    const scheduler = DMDScheduler.fromConfig({ clip_sample: true });
    expect(scheduler.config.clipSample).toBe(true);
    expect(scheduler.toConfig()).toMatchObject({ _class_name: "DDPMScheduler" });
    expect(DMDScheduler.fromConfig().config.clipSample).toBe(false);
  });

  it("takes no noise levels", () => {
    const scheduler = DMDScheduler.fromConfig();
    expect(() => scheduler.setTimesteps({ sigmas: [0.5, 0] })).toThrow(
      "takes no custom noise levels, but received [0.5,0]",
    );
  });

  it("has one step", () => {
    const scheduler = DMDScheduler.fromConfig();
    for (const plan of [4, { timesteps: [9, 8, 7, 6] }]) {
      expect(() => scheduler.setTimesteps(plan)).toThrow(
        "Expected 1 (the model makes a picture in one step) for numInferenceSteps but received 4",
      );
    }
  });
});
