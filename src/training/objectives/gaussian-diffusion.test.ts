import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { gaussianDiffusionLoss } from "./gaussian-diffusion.ts";
import type { ObjectiveInput } from "./objective.ts";

beforeEach(collectGarbage);

const schedule = NoiseSchedule.linear();

/** Latents, noise and a stand-in model ε̂ = x_t/2, v = 0.2, with a row for each timestep. */
function standIn(timesteps: readonly number[]): ObjectiveInput {
  const rows = timesteps.length;
  const original = torch.arange(0, 16).div(16).reshape([1, 4, 2, 2]).repeat([rows, 1, 1, 1]);
  const noise = torch.linspace(-1, 1, 16).reshape([1, 4, 2, 2]).repeat([rows, 1, 1, 1]);
  const noisy = schedule.addNoise(original, noise, timesteps);
  const variance = torch.full([rows, 4, 2, 2], 0.2);
  const modelOutput = torch.cat([noisy.mul(0.5), variance], 1);
  return { modelOutput, original, noise, timesteps };
}

describe("gaussianDiffusionLoss", () => {
  it.each([
    [0, 1.783884, 0.273496],
    [1, 0.216016, 0.272112],
    [500, 0.000655, 0.082301],
    [999, 0.001382, 0.093889],
  ])("gives the reference bound and error at t=%i", (t, vb, mse) => {
    torch.tidy(() => {
      const { loss, parts } = gaussianDiffusionLoss(schedule, standIn([t]));
      expect(parts.vb?.item()).toBeCloseTo(vb, 5);
      expect(parts.mse?.item()).toBeCloseTo(mse, 5);
      expect(loss.item()).toBeCloseTo(vb + mse, 5);
    });
  });

  it("treats each row by its own timestep", () => {
    torch.tidy(() => {
      const together = gaussianDiffusionLoss(schedule, standIn([0, 500, 999])).loss.tolist();
      const apart = [0, 500, 999].map((t) =>
        gaussianDiffusionLoss(schedule, standIn([t])).loss.item(),
      );
      expect(together).toEqual(apart);
    });
  });

  it("trains ε by the error alone and the variance by the bound alone", () => {
    torch.tidy(() => {
      const input = standIn([0, 300]);
      const gradient = (pick: (parts: { loss: Tensor }) => Tensor): Tensor => {
        const modelOutput = input.modelOutput.detach().requiresGrad_();
        const output = gaussianDiffusionLoss(schedule, { ...input, modelOutput });
        torch.backward(pick(output).sum());
        const { grad } = modelOutput;
        if (grad === undefined) throw new Error("no gradient");
        return grad;
      };
      const whole = gradient(({ loss }) => loss);
      const expected = input.modelOutput
        .narrow(1, 0, 4)
        .sub(input.noise)
        .mul(2 / 16);
      const difference = whole.narrow(1, 0, 4).sub(expected).abs().amax().item();
      expect(difference).toBeLessThan(1e-6);
      expect(whole.narrow(1, 4, 4).abs().amin().item()).toBeGreaterThan(0);
    });
  });

  it("has no bound where the model predicts no variance", () => {
    torch.tidy(() => {
      const input = standIn([500]);
      const modelOutput = input.modelOutput.narrow(1, 0, 4);
      const { loss, parts } = gaussianDiffusionLoss(schedule, { ...input, modelOutput });
      expect(Object.keys(parts)).toEqual(["mse"]);
      expect(loss.item()).toBeCloseTo(0.082301, 5);
    });
  });

  it("weighs the error, and not the bound, by min-SNR", () => {
    torch.tidy(() => {
      const input = standIn([1, 500]);
      const { loss, parts } = gaussianDiffusionLoss(schedule, input, { minSnrGamma: 5 });
      const weights = [5 / schedule.snr(1), 1];
      for (const [row, weight] of weights.entries()) {
        expect(parts.weight?.toFloat32Array()[row]).toBeCloseTo(weight, 6);
        const mse = parts.mse?.toFloat32Array()[row] ?? Number.NaN;
        const vb = parts.vb?.toFloat32Array()[row] ?? Number.NaN;
        expect(loss.toFloat32Array()[row]).toBeCloseTo(weight * mse + vb, 6);
      }
    });
  });

  it("counts in float32 whatever the model's dtype", () => {
    torch.tidy(() => {
      const input = standIn([500]);
      const modelOutput = input.modelOutput.to({ dtype: "bfloat16" });
      const { loss } = gaussianDiffusionLoss(schedule, { ...input, modelOutput });
      expect(loss.dtype).toBe("float32");
      expect(loss.shape).toEqual([1]);
    });
  });

  it("leaves only its results behind", () => {
    const before = torch.memory().tensors;
    torch.tidy(() => {
      const input = standIn([0, 5]);
      const made = torch.memory().tensors;
      gaussianDiffusionLoss(schedule, input);
      expect(torch.memory().tensors).toBe(made + 3);
    });
    expect(torch.memory().tensors).toBe(before);
  });

  it("says how many channels it can use, and which γ", () => {
    torch.tidy(() => {
      const input = standIn([5]);
      const modelOutput = torch.zeros([1, 6, 2, 2]);
      expect(() => gaussianDiffusionLoss(schedule, { ...input, modelOutput })).toThrow(
        "Expected 4 or 8 channels for modelOutput but received 6",
      );
      expect(() => gaussianDiffusionLoss(schedule, input, { minSnrGamma: 0 })).toThrow(
        "Expected a positive number for minSnrGamma but received 0",
      );
    });
  });
});
