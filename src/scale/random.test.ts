import { describe, expect, it } from "vitest";
import { Random } from "./random.ts";

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe("Random", () => {
  it("gives what the authors' xoshiro128starstar.c gives from the state 1, 2, 3, 4", () => {
    const random = new Random([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it("has a stream of its own for each list of seeds, large ones too, with uniform first numbers", () => {
    const first = (...seeds: readonly number[]): number => Random.of(...seeds).next();
    expect(first(1, 2)).toBe(first(1, 2));
    const streams = [[1, 2], [2, 1], [1], [1 + 2 ** 32, 2], [0, 0], [0]];
    expect(new Set(streams.map((seeds) => first(...seeds))).size).toBe(streams.length);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 50_000; i++) {
      const tenth = Math.floor(Random.of(0, i, 4).uniform() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // Chi-squared of 9 degrees of freedom: above 33.7 in one of 10,000 cases.
    expect(tenths.reduce((sum, n) => sum + (n - 5000) ** 2 / 5000, 0)).toBeLessThan(33.7);
  });

  it("draws the largest of several exponential numbers as by drawing them all", () => {
    const random = Random.of(7);
    const draws = 40_000;
    const atOnce = Array.from({ length: draws }, () => random.largestExponential(8));
    const oneByOne = Array.from({ length: draws }, () =>
      Math.max(...Array.from({ length: 8 }, () => random.exponential(1))),
    );
    // The mean is 1 + 1/2 + … + 1/8, the variance 1 + 1/4 + … + 1/64.
    const error = Math.sqrt(1.5274 / draws);
    expect(Math.abs(mean(atOnce) - 2.717857)).toBeLessThan(4 * error);
    expect(Math.abs(mean(oneByOne) - 2.717857)).toBeLessThan(4 * error);
    for (const limit of [1, 2, 4, 6]) {
      const below = (list: readonly number[]): number =>
        list.filter((value) => value < limit).length / draws;
      expect(Math.abs(below(atOnce) - below(oneByOne))).toBeLessThan(0.014);
    }
  });
});
