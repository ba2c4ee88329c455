import { describe, expect, it } from "vitest";
import { fillInputs, type ScaleInputs } from "./inputs.ts";
import { PIXART_ALPHA } from "./pixart-alpha.ts";
import type { ScaleStage } from "./recipe.ts";
import { harmonic, ringAllReduceSeconds, type StepTime, stepTime } from "./step-time.ts";

const stage: ScaleStage = {
  name: "one",
  dataset: "pictures",
  pictures: 1000,
  resolution: 256,
  captioned: true,
  batchSize: 64,
  microBatch: 4,
  steps: 10,
  imagesPerSecond: 2,
};

const step = (inputs: ScaleInputs, changes: Partial<ScaleStage> = {}): StepTime =>
  stepTime({ ...stage, ...changes }, 1e9, fillInputs({ straggle: 0, ...inputs }, 1));

describe("stepTime()", () => {
  it("gives the busiest GPU's images, in passes", () => {
    expect(step({ gpus: 8 })).toMatchObject({ imagesOfOne: 8, passes: 2, compute: 4, total: 4 });
    expect(step({ gpus: 12 })).toMatchObject({ imagesOfOne: 6, passes: 2, compute: 3 });
  });

  it("lets GPUs idle that no image is left for", () => {
    expect(step({ gpus: 100 })).toMatchObject({ ranks: 64, imagesOfOne: 1, compute: 0.5 });
  });

  it("hides an all-reduce behind the last pass's backward half, and waits for the rest", () => {
    // 4 GB twice, seven eighths of it, at 1 GB/s: 7 s; the last of two passes takes 2 s, three quarters of it backward.
    const slow = step({ gpus: 8, nodeBandwidth: 1 });
    expect(slow).toMatchObject({ allReduce: 7, exposed: 5.5, total: 9.5 });
    expect(step({ gpus: 8, nodeBandwidth: 1, overlap: 0 }).exposed).toBe(7);
    expect(step({ gpus: 8, nodeBandwidth: 1, gradientBytes: 2 }).allReduce).toBe(3.5);
    expect(step({ gpus: 8, nodeBandwidth: 100 }).exposed).toBe(0);
  });

  it("takes the link between machines where there are several", () => {
    const links = { nodeBandwidth: 100, bandwidth: 1 };
    expect(step({ gpus: 8, ...links }).allReduce).toBeCloseTo(0.07, 9);
    expect(step({ gpus: 16, ...links }).allReduce).toBeCloseTo(7.5, 9);
    expect(step({ gpus: 8, gpusPerNode: 4, ...links }).allReduce).toBe(7);
  });

  it("waits for the slowest: its mean delay is that of one, times 1 + 1/2 + … + 1/n", () => {
    expect(step({ gpus: 4, straggle: 0.1 }).straggling).toBeCloseTo(8 * 0.1 * (25 / 12), 9);
    expect(harmonic(1)).toBe(1);
  });
});

it("has nothing to send for one GPU, and twice the bytes for very many", () => {
  expect(ringAllReduceSeconds(1, 1e9, 1e9)).toBe(0);
  expect(ringAllReduceSeconds(1e9, 1e9, 1e9)).toBeCloseTo(2, 6);
});

it("derives speeds that give the paper's 753 A100 days back", () => {
  const days = PIXART_ALPHA.stages.reduce(
    (sum, { steps, batchSize, imagesPerSecond }) =>
      sum + (steps * batchSize) / imagesPerSecond / 86_400,
    0,
  );
  expect(Math.round(days)).toBe(753);
});
