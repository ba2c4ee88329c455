import { describe, expect, it } from "vitest";
import {
  DPMSolverMultistepScheduler,
  EDMEulerScheduler,
  NoiseSchedule,
} from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { samplerFor } from "./denoising.ts";
import { noiseFieldsOf, trainingSchedule } from "./noise-levels.ts";

function trainedWith(
  config: Parameters<typeof DPMSolverMultistepScheduler.fromConfig>[0],
): NoiseSchedule {
  using scheduler = DPMSolverMultistepScheduler.fromConfig(config);
  return trainingSchedule(noiseFieldsOf(scheduler));
}

describe("trainingSchedule", () => {
  it("is PixArt's to the bit for new models, for PixArt's files and where a scheduler has no such fields", () => {
    const pixart = NoiseSchedule.linear().alphasCumprod;
    using own = samplerFor({ type: "v", minSnrGamma: null, debiased: false, huberDelta: null });
    using edm = EDMEulerScheduler.fromConfig({});
    for (const sampler of [own, edm])
      expect(trainingSchedule(noiseFieldsOf(sampler)).alphasCumprod).toEqual(pixart);
    expect(trainedWith({ solver_order: 3 }).alphasCumprod).toEqual(pixart);
  });

  it.each([
    ["scaled", { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 }],
    ["zero terminal SNR", { rescale_betas_zero_snr: true }],
    ["given", { trained_betas: Array.from({ length: 1000 }, (_, t) => 1e-4 + t * 1e-5) }],
  ])("adds as much noise as a base's own scheduler: %s", (_name, config) => {
    torch.tidy(() => {
      using scheduler = DPMSolverMultistepScheduler.fromConfig(config);
      const generator = torch.generator(1);
      const [original, noise] = [0, 1].map(() => torch.randn([3, 4, 2, 2], { generator }));
      if (original === undefined || noise === undefined) throw new Error("Expected two tensors");
      const timesteps = [3, 500, 998];
      scheduler.setTimesteps({ timesteps: [...timesteps].reverse() });
      const mine = trainedWith(config).addNoise(original, noise, timesteps);
      const theirs = scheduler.addNoise(original, noise, timesteps);
      expect(mine.sub(theirs).abs().amax().item()).toBeLessThan(1e-6);
    });
  });

  it("holds no picture at the last timestep of zero terminal SNR", () => {
    expect(trainedWith({ rescale_betas_zero_snr: true }).at(999).acp).toBe(0);
    expect(trainedWith({}).at(999).acp).toBeGreaterThan(1e-5);
  });
});
