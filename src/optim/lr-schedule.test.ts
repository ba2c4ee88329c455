import { describe, expect, it } from "vitest";
import { type LrSchedule, lrFactor } from "./index.ts";

const curve = (schedule: LrSchedule, total: number): number[] =>
  Array.from({ length: total }, (_, step) => Number(lrFactor(schedule, step, total).toFixed(12)));

describe("lrFactor", () => {
  it("rises linearly to one, whatever follows", () => {
    for (const type of ["constant", "cosine", "linear"] as const) {
      const rise = curve({ type, warmupSteps: 4 }, 12).slice(0, 5);
      expect(rise).toEqual([0.25, 0.5, 0.75, 1, 1]);
    }
  });

  it("stays", () => {
    expect(curve({ type: "constant", warmupSteps: 0 }, 3)).toEqual([1, 1, 1]);
    expect(lrFactor({ type: "constant", warmupSteps: 2 }, 10 ** 9, 5)).toBe(1);
  });

  it("falls linearly to zero at the end", () => {
    expect(curve({ type: "linear", warmupSteps: 0 }, 4)).toEqual([1, 0.75, 0.5, 0.25]);
    expect(lrFactor({ type: "linear", warmupSteps: 0 }, 4, 4)).toBe(0);
    expect(lrFactor({ type: "linear", warmupSteps: 2 }, 4, 6)).toBe(0.5);
  });

  it("falls along half a cosine to zero at the end", () => {
    const third = 0.75;
    expect(curve({ type: "cosine", warmupSteps: 0 }, 6)).toEqual([
      1,
      expect.closeTo(0.5 + Math.sqrt(3) / 4, 10),
      third,
      0.5,
      1 - third,
      expect.closeTo(0.5 - Math.sqrt(3) / 4, 10),
    ]);
    expect(lrFactor({ type: "cosine", warmupSteps: 0 }, 6, 6)).toBeCloseTo(0, 15);
  });

  it("stays at its end beyond the last step", () => {
    expect(lrFactor({ type: "linear", warmupSteps: 0 }, 9, 4)).toBe(0);
    expect(lrFactor({ type: "cosine", warmupSteps: 0 }, 9, 4)).toBeCloseTo(0, 15);
  });

  it("is never outside 0 to 1, nor rises after its warm-up", () => {
    for (const type of ["constant", "cosine", "linear"] as const) {
      for (const [warmupSteps, total] of [
        [0, 1],
        [1, 1],
        [5, 3],
        [3, 50],
      ] as const) {
        const factors = curve({ type, warmupSteps }, total);
        expect(Math.min(...factors)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...factors)).toBeLessThanOrEqual(1);
        const falling = factors.slice(warmupSteps);
        expect(falling).toEqual(falling.toSorted((a, b) => b - a));
      }
    }
  });

  it("falls along half a cosine to a share of the rate, and stays there", () => {
    const schedule = {
      type: "cosine-to-constant",
      warmupSteps: 2,
      decayPortion: 0.667,
      finalFactor: 0.2,
    } as const;
    // PixArt-α's lr_lambda: int(12 · 0.667) = 8 is the last step of the cosine, which begins at step 2.
    const cosine = [0, 1, 2, 3, 4, 5, 6].map(
      (n) => 0.5 * (1 + Math.cos((Math.PI * n) / 6)) * 0.8 + 0.2,
    );
    const wanted = [0.5, 1, ...cosine, 0.2, 0.2, 0.2];
    expect(curve(schedule, 12)).toEqual(wanted.map((value) => expect.closeTo(value, 10)));
    expect(lrFactor(schedule, 99, 12)).toBe(0.2);
    expect(lrFactor({ ...schedule, warmupSteps: 10 }, 10, 12)).toBe(0.2);
  });
});
