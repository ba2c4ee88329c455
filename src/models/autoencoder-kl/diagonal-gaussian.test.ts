import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { DiagonalGaussian } from "./diagonal-gaussian.ts";

/** Two latents of one channel and one position. */
const gaussian = (mean: [number, number], logvar: [number, number]): DiagonalGaussian =>
  new DiagonalGaussian(
    torch.tensor([
      [[[mean[0]]], [[logvar[0]]]],
      [[[mean[1]]], [[logvar[1]]]],
    ]),
  );

describe("DiagonalGaussian", () => {
  it("splits moments into mean and a log variance within [−30, 20]", () => {
    const posterior = gaussian([1, 2], [-100, 100]);
    expect(posterior.mean.flatten().tolist()).toEqual([1, 2]);
    expect(posterior.mode().flatten().tolist()).toEqual([1, 2]);
    expect(posterior.logvar.flatten().tolist()).toEqual([-30, 20]);
  });

  it("draws mean plus spread times noise, the same from the same seed", () => {
    const posterior = gaussian([1, -1], [Math.log(4), Math.log(0.25)]);
    const noise = torch.randn([2, 1, 1, 1], { generator: torch.generator(3) }).flatten();
    const expected = noise.mul(torch.tensor([2, 0.5])).add(torch.tensor([1, -1]));
    const draw = posterior.sample(torch.generator(3));
    expect(draw.shape).toEqual([2, 1, 1, 1]);
    expect(draw.flatten().allclose(expected)).toBe(true);
    expect(posterior.sample(torch.generator(4)).allclose(draw)).toBe(false);
  });

  it("is no distance from the standard normal where it is one, and ½(μ² + σ² − 1 − ln σ²) elsewhere", () => {
    const [same, other] = gaussian([0, 3], [0, 1]).kl().tolist() as [number, number];
    expect(same).toBe(0);
    expect(other).toBeCloseTo(0.5 * (9 + Math.E - 1 - 1), 5);
  });

  it("lets gradients reach the moments", () => {
    const moments = torch.zeros([1, 2, 1, 1]).requiresGrad_();
    const posterior = new DiagonalGaussian(moments);
    torch.backward(posterior.sample(torch.generator(0)).add(posterior.kl()).sum());
    const noise = torch.randn([1], { generator: torch.generator(0) }).item();
    expect(moments.grad?.flatten().tolist()).toEqual([1, noise / 2]);
  });
});
