import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { frechetDistance } from "./frechet-distance.ts";

const rows = (...values: readonly (readonly number[])[]): Float32Array[] =>
  values.map((row) => Float32Array.from(row));

const square = rows([1, 0], [-1, 0], [0, 1], [0, -1]);

describe("frechetDistance", () => {
  it("is 0 for the same pictures in another order", () => {
    expect(frechetDistance(square, square.toReversed()).distance).toBeCloseTo(0, 12);
  });

  it("is the squared distance of the means where the spread is equal", () => {
    const moved = square.map((row) => row.map((value, i) => value + (i === 0 ? 3 : 4)));
    expect(frechetDistance(moved, square).distance).toBeCloseTo(25, 10);
  });

  it("is what the deviations differ by, squared, along each axis of the features", () => {
    // A deviation of √(2/3) along both; doubled along one of them.
    const wider = square.map((row) => row.map((value, i) => value * (i === 0 ? 2 : 1)));
    expect(frechetDistance(wider, square).distance).toBeCloseTo(2 / 3, 10);
  });

  it("warns where a side has no more pictures than features", () => {
    expect(frechetDistance(square, square).warning).toBeUndefined();
    const { warning } = frechetDistance(square, square.slice(0, 2));
    expect(warning).toBe(
      "2 pictures are too few to know how 2 features vary: the distance is larger than more pictures would give",
    );
  });

  it("refuses sides of fewer than two pictures, and rows of different lengths", () => {
    const before = torch.memory().tensors;
    expect(() => frechetDistance(square.slice(0, 1), square)).toThrow(
      "Expected at least two pictures for generated but received 1",
    );
    expect(() => frechetDistance(square, [])).toThrow(
      "Expected at least two pictures for references but received 0",
    );
    expect(() => frechetDistance(square, rows([1, 2], [3]))).toThrow(
      "Expected 2 features in row 1 of references but received 1",
    );
    expect(() => frechetDistance(rows([1], [3]), square)).toThrow(
      "Expected rows of 2 features for generated but received rows of 1",
    );
    expect(torch.memory().tensors).toBe(before);
  });
});
