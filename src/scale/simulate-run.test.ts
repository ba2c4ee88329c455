import { describe, expect, it } from "vitest";
import { assumptionsOf } from "./assumptions.ts";
import type { ScaleInputs } from "./inputs.ts";
import { PIXART_ALPHA } from "./pixart-alpha.ts";
import type { ScaleRecipe } from "./recipe.ts";
import { simulateRun } from "./simulate-run.ts";

/** A run of about 54 days on 16,384 GPUs. */
const llama: ScaleRecipe = {
  name: "llama-3",
  parameters: 1e9,
  speedSource: "made up",
  stages: [
    {
      name: "pretraining",
      dataset: "text",
      pictures: 1,
      resolution: 8,
      captioned: false,
      batchSize: 16_384,
      microBatch: 1,
      steps: 74_000,
      imagesPerSecond: 1 / 60,
    },
  ],
};

describe("simulateRun()", () => {
  it("stops about 419 times in 54 days on 16,384 GPUs, as Llama 3 did, with the hours that this implies", () => {
    const mtbfHours = (16_384 * 54 * 24) / 419;
    expect(Math.round(mtbfHours)).toBe(50_677);
    const { total } = simulateRun(llama, {
      gpus: 16_384,
      mtbfHours,
      checkpointMinutes: 10,
      restartMinutes: 10,
      straggle: 0,
      runs: 20,
    });
    expect(total.wallHours / 24).toBeGreaterThan(50);
    const stops = (total.stops / total.wallHours) * 54 * 24;
    // A Poisson count's deviation is its root; of 20 runs' mean, a root of 20 less.
    const error = Math.sqrt(419 / 20);
    expect(Math.abs(stops - 419)).toBeLessThan(4 * error);
    expect(Math.abs(total.expectedStops - total.stops)).toBeLessThan(4 * error);
  });

  it("agrees with the closed form on the paper's run, where GPUs fail often", () => {
    const inputs = { gpus: 64, mtbfHours: 300, checkpointMinutes: 20, straggle: 0, runs: 40 };
    const { total, stages } = simulateRun(PIXART_ALPHA, inputs);
    expect(total.goodput).toBeLessThan(0.95);
    expect(Math.abs(total.goodput - total.expectedGoodput)).toBeLessThan(0.01);
    expect(Math.abs(total.stops / total.expectedStops - 1)).toBeLessThan(0.08);
    const sum = (of: (stage: (typeof stages)[number]) => number): number =>
      stages.reduce((all, stage) => all + of(stage), 0);
    expect(sum(({ wallHours }) => wallHours)).toBeCloseTo(total.wallHours, 9);
    expect(
      total.keptHours + total.savingHours + total.lostHours + total.restartingHours,
    ).toBeCloseTo(total.wallHours, 9);
    expect(total.lostGpuHours).toBeCloseTo(64 * (total.lostHours + total.restartingHours), 9);
    expect(total.wallRange[0]).toBeLessThan(total.wallHours);
    expect(total.wallRange[1]).toBeGreaterThan(total.wallHours);
  });

  it("is a function of the seed", () => {
    const once = (seed: number): unknown => simulateRun(PIXART_ALPHA, { gpus: 512, seed, runs: 1 });
    expect(once(4)).toEqual(once(4));
    expect(once(4)).not.toEqual(once(5));
  });

  it("needs the GPU days that it is told, where nothing is waited for", () => {
    const ideal = { straggle: 0, restartMinutes: 0, mtbfHours: 1e12, writeGigabytes: 1e6, runs: 1 };
    const days = (inputs: Partial<ScaleInputs>): number =>
      simulateRun(PIXART_ALPHA, { gpus: 8, ...ideal, ...inputs }).total.wallHours / 3;
    expect(days({})).toBeCloseTo(1656 / 2.2, 2);
    expect(days({ gpuDays: 675 })).toBeCloseTo(675, 2);
    const { total, stages } = simulateRun(PIXART_ALPHA, {
      gpus: 8,
      ...ideal,
      imagesPerSecond: [100, 70, 70, 20, 5],
    });
    expect(stages.map(({ step }) => step.imagesPerSecond)).toEqual([100, 70, 70, 20, 5]);
    expect(total.efficiency).toBeCloseTo(1, 5);
  });

  it("counts GPUs that idle as paid for, and not as ones that stop the run", () => {
    const { stages } = simulateRun(PIXART_ALPHA, { gpus: 768, runs: 1, straggle: 0 });
    const last = stages.at(-1);
    expect(last?.step.ranks).toBe(384);
    expect(last?.efficiency).toBeLessThan(0.5);
    expect(last?.expectedStops).toBeCloseTo(((last?.wallHours ?? 0) * 384) / 50_000, 2);
  });

  it("takes another number of pictures for what has captions", () => {
    const inputs = { gpus: 8, pictures: 1e9, runs: 1, straggle: 0 };
    const { storage } = simulateRun(PIXART_ALPHA, inputs);
    expect(storage.map(({ pictures }) => pictures)).toEqual([1e6, 1e9, 1e9]);
  });

  it("names a source for all that it rests on, and says what was given", () => {
    const of = (inputs: Partial<ScaleInputs>): string[] =>
      assumptionsOf(simulateRun(PIXART_ALPHA, { gpus: 8, runs: 1, straggle: 0, ...inputs })).map(
        ({ value, source }) => `${value}: ${source}`,
      );
    expect(of({})).toContain("30 min: no source");
    expect(of({ checkpointMinutes: 20 })).toContain("20 min: given");
    expect(of({})[0]).toMatch(/2310\.00426, table 4/);
    expect(of({ gpuDays: 675 })[0]).toMatch(/scaled to 675 GPU days in all$/);
    expect(of({ imagesPerSecond: [1, 1, 1, 1, 1] })[0]).toMatch(/given$/);
  });

  it.each<[Partial<ScaleInputs>, string]>([
    [{ gpus: 0 }, "Expected a whole number from 1 for gpus but received 0"],
    [{ gpus: 1.5 }, "Expected a whole number from 1 for gpus but received 1.5"],
    [{ mtbfHours: 0 }, "Expected a number above 0 for mtbfHours but received 0"],
    [{ mtbfHours: Infinity }, "Expected a number above 0 for mtbfHours but received Infinity"],
    [{ restartMinutes: -1 }, "Expected a number from 0 for restartMinutes but received -1"],
    [{ overlap: 2 }, "Expected a number from 0 to 1 for overlap but received 2"],
    [{ seed: -1 }, "Expected a whole number from 0 for seed but received -1"],
    [{ pictures: 0 }, "Expected a whole number from 1 for pictures but received 0"],
    [{ gpuDays: 0 }, "Expected a number above 0 for gpuDays but received 0"],
    [
      { imagesPerSecond: [1, 2] },
      "Expected 5 numbers, one per stage, for imagesPerSecond but received 2",
    ],
    [
      { imagesPerSecond: [1, 1, 1, 1, 0] },
      "Expected a number above 0 for imagesPerSecond but received 0",
    ],
    [
      { imagesPerSecond: [1, 1, 1, 1, 1], gpuDays: 3 },
      "Expected imagesPerSecond or gpuDays but received both",
    ],
    [
      { gpus: 512, mtbfHours: 50 },
      'Stage "pixels" would make hardly any progress: 512 GPUs stop every 5.86 minutes on average, a checkpoint takes 30.2 to reach and a restart 10.0. Lower checkpointMinutes (Daly\'s optimum is 1.28) or restartMinutes, or raise mtbfHours',
    ],
  ])("refuses %o", (inputs, message) => {
    expect(() => simulateRun(PIXART_ALPHA, { gpus: 8, ...inputs })).toThrow(message);
  });
});
