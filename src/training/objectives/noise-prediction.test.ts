import { describe, expect, it } from "vitest";
import { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { noisePredictionLoss } from "./noise-prediction.ts";
import type { ObjectiveInput } from "./objective.ts";

const schedule = NoiseSchedule.linear();

function randomInput(timesteps: readonly number[], outputs: number): ObjectiveInput {
  const generator = torch.generator(3);
  const shape = [timesteps.length, 4, 3, 2];
  const original = torch.randn(shape, { generator });
  const noise = torch.randn(shape, { generator });
  const modelOutput = torch.randn([timesteps.length, outputs, 3, 2], { generator });
  return { modelOutput, original, noise, timesteps };
}

describe("noisePredictionLoss", () => {
  it("is the squared error of the first channels, a row", () => {
    torch.tidy(() => {
      const input = randomInput([3, 700], 8);
      const { loss, parts } = noisePredictionLoss(schedule, input);
      for (const row of [0, 1]) {
        const guess = input.modelOutput.select(0, row).narrow(0, 0, 4).toFloat32Array();
        const noise = input.noise.select(0, row).toFloat32Array();
        const squares = Array.from(guess, (value, i) => (value - (noise[i] ?? 0)) ** 2);
        const mean = squares.reduce((sum, value) => sum + value) / squares.length;
        expect(loss.toFloat32Array()[row]).toBeCloseTo(mean, 5);
      }
      expect(parts.mse?.tolist()).toEqual(loss.tolist());
    });
  });

  it("gives variance channels no gradient", () => {
    torch.tidy(() => {
      const input = randomInput([3], 8);
      const modelOutput = input.modelOutput.requiresGrad_();
      torch.backward(noisePredictionLoss(schedule, { ...input, modelOutput }).loss.sum());
      expect(modelOutput.grad?.narrow(1, 4, 4).abs().amax().item()).toBe(0);
      expect(modelOutput.grad?.narrow(1, 0, 4).abs().amin().item()).toBeGreaterThan(0);
    });
  });

  it("aims at v on request", () => {
    torch.tidy(() => {
      const input = randomInput([400, 900], 4);
      const modelOutput = schedule.velocity(input.original, input.noise, input.timesteps);
      const right = { ...input, modelOutput };
      const options = { predictionType: "v_prediction" } as const;
      expect(noisePredictionLoss(schedule, right, options).loss.amax().item()).toBe(0);
      expect(noisePredictionLoss(schedule, right).loss.amin().item()).toBeGreaterThan(0.1);
    });
  });

  it.each([
    ["epsilon", 0],
    ["v_prediction", 1],
  ] as const)("weighs rows by min-SNR: %s", (predictionType, offset) => {
    torch.tidy(() => {
      const input = randomInput([10, 300, 900], 4);
      const options = { predictionType, minSnrGamma: 5 };
      const { loss, parts } = noisePredictionLoss(schedule, input, options);
      const plain = noisePredictionLoss(schedule, input, { predictionType }).loss;
      for (const [row, t] of input.timesteps.entries()) {
        const snr = schedule.snr(t) + offset;
        const weight = Math.min(snr, 5) / snr;
        expect(parts.weight?.toFloat32Array()[row]).toBeCloseTo(weight, 6);
        const expected = weight * (plain.toFloat32Array()[row] ?? Number.NaN);
        expect(loss.toFloat32Array()[row]).toBeCloseTo(expected, 6);
      }
      expect(parts.weight?.toFloat32Array()[2]).toBe(1);
    });
  });

  it("refuses a γ that is not positive", () => {
    torch.tidy(() => {
      const input = randomInput([3], 4);
      expect(() => noisePredictionLoss(schedule, input, { minSnrGamma: -1 })).toThrow(
        "Expected a positive number for minSnrGamma but received -1",
      );
    });
  });
});
