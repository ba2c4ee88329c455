import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { ResolvedStage } from "../../src/config/index.ts";
import * as torch from "../../src/torch/index.ts";
import { SampleRng } from "../../src/training/contract/sample-rng.ts";
import { drawNoise, drawTimesteps } from "../../src/training/objectives/index.ts";
import { expectClose } from "./compare.ts";
import { runPython } from "./python.ts";

type NoiseConfig = ResolvedStage<"text-to-image">["noise"];
type TimestepsConfig = ResolvedStage<"text-to-image">["timesteps"];

const script = fileURLToPath(new URL("training-noise.py", import.meta.url));
const inputPerturbation = 0;
const noises: readonly { readonly config: NoiseConfig; readonly shape: readonly number[] }[] = [
  { config: { type: "offset", weight: 0.05, inputPerturbation }, shape: [4, 8, 6] },
  { config: { type: "offset", weight: 2, inputPerturbation }, shape: [4, 1, 1] },
  {
    config: { type: "pyramid", discount: 0.9, randomMultiplier: true, inputPerturbation },
    shape: [4, 64, 48],
  },
  {
    config: { type: "pyramid", discount: 0.5, randomMultiplier: false, inputPerturbation },
    shape: [2, 33, 7],
  },
];
const positions = [3, 11];

const biased: readonly TimestepsConfig[] = [
  { type: "cubic" },
  { type: "later", biasMultiplier: 5, biasPortion: 0.25 },
  { type: "earlier", biasMultiplier: 5, biasPortion: 0.25 },
  { type: "earlier", biasMultiplier: 0.1, biasPortion: 1 },
  { type: "later", biasMultiplier: 7.3, biasPortion: 0 },
  { type: "range", biasMultiplier: 5, biasBegin: 0.25, biasEnd: 0.75 },
  { type: "range", biasMultiplier: 0.3, biasBegin: 0.1, biasEnd: 0.4567 },
];
const many = Array.from({ length: 4000 }, (_, i) => i);
const drawsOf = (samples: readonly number[]): SampleRng => new SampleRng(5, "noise", samples);

let answer: { noise: torch.NestedNumbers[]; timesteps: number[][] };
beforeAll(async () => {
  const request = {
    noise: noises.flatMap(({ config, shape }) =>
      positions.map((position) => ({
        ...config,
        shape,
        seed: String(torch.streamSeed(5, "noise", position)), // too large for a number of JSON
      })),
    ),
    timesteps: biased,
    uniforms: drawsOf(many).uniform(),
  };
  answer = (await runPython(script, request)) as typeof answer;
});

describe("training noise", () => {
  it.each(noises.map((each, index) => ({ ...each, index })))(
    "$config of $shape is as by definition, each sample from its own stream",
    ({ config, shape, index }) => {
      torch.tidy(() => {
        const noise = drawNoise(config, drawsOf(positions), shape);
        expect(noise.shape).toEqual([2, ...shape]);
        for (const row of positions.keys()) {
          const wanted = torch.tensor(answer.noise[2 * index + row] ?? Number.NaN);
          expectClose(noise.select(0, row), wanted);
        }
      });
    },
  );

  it("does not depend on the batch", () => {
    torch.tidy(() => {
      for (const { config, shape } of noises) {
        const together = drawNoise(config, drawsOf(positions), shape).select(0, 1);
        const alone = drawNoise(config, drawsOf([11]), shape).select(0, 0);
        expect(together.tolist()).toEqual(alone.tolist());
      }
    });
  });
});

describe("training timesteps", () => {
  it.each(biased.map((config, index) => ({ config, index })))(
    "$config are where the weights' sum passes the uniform number",
    ({ config, index }) => {
      const ours = drawTimesteps(config, drawsOf(many), 1000);
      expect(ours).toEqual(answer.timesteps[index]);
    },
  );

  it("of DDIM's grid are its own, each as often", () => {
    const ours = drawTimesteps({ type: "ddim", steps: 50 }, drawsOf(many), 1000);
    const grid = Array.from({ length: 50 }, (_, i) => (i + 1) * 20 - 1);
    expect([...new Set(ours)].toSorted((a, b) => a - b)).toEqual(grid);
    const most = Math.max(...grid.map((t) => ours.filter((each) => each === t).length));
    expect(most).toBeLessThan(130); // 80 on average, a deviation of 9
    expect(drawTimesteps({ type: "ddim", steps: 1000 }, drawsOf([0, 1]), 1000)).toEqual(
      drawTimesteps({ type: "uniform" }, drawsOf([0, 1]), 1000),
    );
  });
});
