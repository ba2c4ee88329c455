import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import { NoiseSchedule } from "./noise-schedule.ts";

beforeEach(collectGarbage);

// Products of 1 − β for β linear from 1e-4 to 0.02, as PixArt's own tables hold them.
const published: readonly [number, number][] = [
  [0, 0.9999],
  [249, 0.524085],
  [400, 0.193572],
  [499, 0.0785872],
  [500, 0.0777967],
  [999, 4.03583e-5],
];

describe("NoiseSchedule", () => {
  it.each(published)("has the published signal at t=%i", (t, acp) => {
    for (const schedule of [NoiseSchedule.linear(), NoiseSchedule.float32()]) {
      expect(Math.abs(schedule.at(t).acp / acp - 1)).toBeLessThan(1e-5);
      expect(schedule.snr(t)).toBeCloseTo(schedule.at(t).acp / (1 - schedule.at(t).acp), 12);
    }
  });

  it("starts with all of the signal", () => {
    expect(NoiseSchedule.linear().at(0)).toEqual({ beta: 1e-4, acp: 1 - 1e-4, acpPrevious: 1 });
    expect(NoiseSchedule.linear().at(999).beta).toBe(0.02);
  });

  it("takes other lengths and ends", () => {
    const schedule = NoiseSchedule.linear({ betaStart: 0.1, betaEnd: 0.3, numTrainTimesteps: 3 });
    expect(schedule.length).toBe(3);
    expect(schedule.at(2).beta).toBe(0.3);
    expect(schedule.at(1).acp).toBeCloseTo(0.9 * 0.8, 12);
  });

  it("is linear in the square root of β on request", () => {
    const { betas } = NoiseSchedule.float32({
      betaSchedule: "scaled_linear",
      betaStart: 0.01,
      betaEnd: 0.09,
      numTrainTimesteps: 3,
    });
    expect(betas[1]).toBeCloseTo(0.04, 7);
  });

  it("mixes signal and noise by row, and finds the noise again from the velocity", () => {
    const schedule = NoiseSchedule.linear();
    torch.tidy(() => {
      const original = torch.tensor([
        [1, 2],
        [3, 4],
      ]);
      const noise = torch.tensor([
        [0.5, -1],
        [1, 0],
      ]);
      const timesteps = [0, 500];
      const noisy = schedule.addNoise(original, noise, timesteps).toFloat32Array();
      const acp = schedule.at(500).acp;
      expect(noisy[0]).toBeCloseTo(Math.sqrt(0.9999) + 0.5 * Math.sqrt(1e-4), 5);
      expect(noisy[3]).toBeCloseTo(4 * Math.sqrt(acp), 5);
      const velocity = schedule.velocity(original, noise, timesteps).toFloat32Array();
      const recovered = Math.sqrt(acp) * (velocity[2] ?? 0) + Math.sqrt(1 - acp) * (noisy[2] ?? 0);
      expect(recovered).toBeCloseTo(1, 5);
    });
  });

  it("keeps dtype and rank", () => {
    torch.tidy(() => {
      const x = torch.ones([2, 4, 3, 3], { dtype: "bfloat16" });
      const noisy = NoiseSchedule.linear().addNoise(x, x, [1, 2]);
      expect(noisy.dtype).toBe("bfloat16");
      expect(noisy.shape).toEqual([2, 4, 3, 3]);
    });
  });

  it("leaves no tensor behind", () => {
    const before = torch.memory().tensors;
    NoiseSchedule.float32();
    const x = torch.ones([1, 2]);
    const noisy = NoiseSchedule.linear().addNoise(x, x, [3]);
    expect(torch.memory().tensors).toBe(before + 2);
    noisy.dispose();
    x.dispose();
  });

  it("names a timestep that it lacks, and a count that does not fit", () => {
    const schedule = NoiseSchedule.linear();
    for (const t of [-1, 1000, 0.5]) {
      expect(() => schedule.at(t)).toThrow(
        `Expected an integer from 0 to 999 for timestep but received ${t}`,
      );
    }
    torch.tidy(() => {
      const x = torch.ones([2, 2]);
      expect(() => schedule.addNoise(x, x, [1])).toThrow(
        "Expected 2 values (one per row) for timesteps but received 1",
      );
    });
  });
});
