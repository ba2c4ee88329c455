import { expect, it } from "vitest";
import { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { timestepWeight } from "./timestep-weight.ts";

const schedule = NoiseSchedule.linear();
const like = torch.zeros([3]);
const timesteps = [1, 500, 999];
// acp is 0.99978, 0.0777967 and 4.03583e-5 there; SNR = acp / (1 - acp).
const snr = timesteps.map((t) => schedule.snr(t));

it("leaves all timesteps alike where nothing is asked for", () => {
  expect(timestepWeight(schedule, {}, "epsilon", timesteps, like)).toBeUndefined();
});

it("weighs by min(SNR, γ)/SNR", () => {
  const weight = timestepWeight(schedule, { minSnrGamma: 5 }, "epsilon", timesteps, like);
  expect(weight?.tolist()).toEqual([expect.closeTo(5 / (snr[0] ?? 0), 6), 1, 1]);
});

it("weighs by 1/sqrt(SNR), for v by 1/sqrt(SNR + 1)", () => {
  const epsilon = timestepWeight(schedule, { debiased: true }, "epsilon", timesteps, like);
  expect(snr[1]).toBeCloseTo(0.0777967 / (1 - 0.0777967), 5);
  expect(epsilon?.tolist()).toEqual([
    expect.closeTo(0.0148, 3),
    expect.closeTo(3.443, 3),
    expect.closeTo(157.407, 2),
  ]);
  const v = timestepWeight(schedule, { debiased: true }, "v_prediction", timesteps, like);
  expect(v?.select(0, 2).item()).toBeCloseTo(1, 4);
});

it("refuses both at once", () => {
  const both = { minSnrGamma: 5, debiased: true };
  expect(() => timestepWeight(schedule, both, "epsilon", timesteps, like)).toThrow(
    "Expected minSnrGamma or debiased but received both",
  );
});
