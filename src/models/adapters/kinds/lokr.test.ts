import { expect, it } from "vitest";
import { factorization } from "./lokr.ts";

it("factorization gives what PEFT's gives", () => {
  // The examples in PEFT's documentation of it, and its results for the others.
  const known: [size: number, factor: number, pair: [number, number]][] = [
    [256, -1, [16, 16]],
    [128, -1, [8, 16]],
    [127, -1, [1, 127]],
    [128, 4, [4, 32]],
    [24, -1, [4, 6]],
    [24, 5, [4, 6]],
    [24, 12, [12, 2]],
    [1152, -1, [32, 36]],
    [1152, 10, [9, 128]],
    [1, -1, [1, 1]],
  ];
  for (const [size, factor, pair] of known) expect(factorization(size, factor)).toEqual(pair);
});
