import { describe, expect, it } from "vitest";
import type { ResolvedStage } from "../../config/index.ts";
import { InvalidValueError } from "../../errors/index.ts";
import { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import type { StageLoss } from "../contract/stage-task.ts";
import { Denoising } from "./denoising.ts";

type DiffusionStage = Pick<ResolvedStage<"text-to-image">, "loss" | "noise" | "timesteps">;

const plain: DiffusionStage = {
  loss: { type: "epsilon+vlb", huberDelta: null, minSnrGamma: null, debiased: false },
  noise: { type: "white", inputPerturbation: 0 },
  timesteps: { type: "uniform" },
};
const epsilon: DiffusionStage = { ...plain, loss: { ...plain.loss, type: "epsilon" } };
const positions = [0, 5, 1000];
const shape = [3, 4, 4, 4];

interface Seen {
  readonly timesteps: readonly number[];
  readonly noisy: torch.Tensor;
  readonly original: torch.Tensor;
  readonly loss: StageLoss;
}

/** A loss of the stand-in model ε̂ = x_t/2, v = 0.2, and what it was given; to be called in a scope. */
function denoise(stage: DiffusionStage, weights?: readonly number[]): Seen {
  const draws = new SampleRng(7, "words", positions);
  draws.uniform(); // which captions are dropped
  const original = torch.randn(shape, { generator: torch.generator(2) });
  let seen: Pick<Seen, "timesteps" | "noisy"> = { timesteps: [], noisy: original };
  const loss = new Denoising(stage, NoiseSchedule.linear()).loss(
    original,
    draws,
    (noisy, timesteps) => {
      seen = { noisy, timesteps };
      const half = noisy.mul(0.5);
      const { type } = stage.loss;
      return type === "epsilon+vlb" ? torch.cat([half, torch.full(shape, 0.2)], 1) : half;
    },
    weights,
  );
  return { ...seen, original, loss };
}

describe("Denoising", () => {
  // From the code as it was when there was white noise at uniform timesteps alone.
  it.each<[DiffusionStage, number]>([
    [plain, 0.6624065],
    [{ ...plain, loss: { ...plain.loss, type: "v", minSnrGamma: 5 } }, 0.673007],
  ])("draws by default what it always drew: %j", (stage, loss) => {
    torch.tidy(() => {
      const seen = denoise(stage);
      expect(seen.timesteps).toEqual([47, 108, 876]);
      expect(seen.noisy.sum().item()).toBeCloseTo(0.7158122, 5);
      expect(seen.loss.loss.item()).toBeCloseTo(loss, 6);
    });
  });

  it("shows the model more noise than it is to find", () => {
    torch.tidy(() => {
      const stage: DiffusionStage = {
        ...epsilon,
        noise: { type: "white", inputPerturbation: 0.5 },
      };
      const { noisy, timesteps, original, loss } = denoise(stage);
      const plainly = denoise(epsilon);
      expect(timesteps).toEqual(plainly.timesteps);
      const rows = positions.map((position) => {
        const generator = torch.stream(7, "words", position);
        torch.rand([1], { generator });
        torch.randint(0, 1000, [1], { generator });
        const noise = torch.randn([4, 4, 4], { generator });
        return { noise, more: torch.randn([4, 4, 4], { generator }).mul(0.5) };
      });
      const noise = torch.stack(rows.map((row) => row.noise));
      const added = noise.add(torch.stack(rows.map((row) => row.more)));
      const wanted = NoiseSchedule.linear().addNoise(original, added, timesteps);
      expect(noisy.sub(wanted).abs().amax().item()).toBe(0);
      const error = wanted.mul(0.5).sub(noise).square().mean().item();
      expect(loss.loss.item()).toBeCloseTo(error, 6);
    });
  });

  it("draws noise and timesteps as the stage says", () => {
    torch.tidy(() => {
      const stage: DiffusionStage = {
        ...epsilon,
        noise: { type: "offset", weight: 3, inputPerturbation: 0 },
        timesteps: { type: "ddim", steps: 2 },
      };
      const { noisy, timesteps, original } = denoise(stage);
      expect(timesteps.every((t) => t === 499 || t === 999)).toBe(true);
      const schedule = NoiseSchedule.linear();
      const zeros = torch.zerosLike(original);
      const noise = noisy
        .sub(schedule.addNoise(original, zeros, timesteps))
        .div(schedule.addNoise(zeros, torch.onesLike(original), timesteps));
      const shift = noise.mean([2, 3]);
      expect(shift.abs().mean().item()).toBeGreaterThan(1);
    });
  });

  it("multiplies each sample's loss by its weight, and takes the mean over samples", () => {
    torch.tidy(() => {
      const only = (row: number): number =>
        denoise(
          epsilon,
          [0, 1, 2].map((i) => (i === row ? 1 : 0)),
        ).loss.loss.item();
      const parts = [only(0), only(1), only(2)] as const;
      expect(denoise(epsilon).loss.loss.item()).toBeCloseTo(parts[0] + parts[1] + parts[2], 6);
      const weighted = denoise(epsilon, [1, 0.25, 2]).loss.loss.item();
      expect(weighted).toBeCloseTo(parts[0] + 0.25 * parts[1] + 2 * parts[2], 6);
    });
  });

  it("says how many weights it wants", () => {
    torch.tidy(() => {
      expect(() => denoise(epsilon, [1])).toThrow(
        new InvalidValueError("Expected 3 numbers, one per sample, for weights but received 1"),
      );
    });
  });
});
