import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchRange, SkippedBatches } from "./skipped-batches.ts";

const skipping = (...ranges: readonly BatchRange[]): SkippedBatches => {
  const skipped = new SkippedBatches();
  for (const range of ranges) skipped.add(range);
  return skipped;
};
const first = (skipped: SkippedBatches, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => skipped.at(step));

describe("SkippedBatches", () => {
  it("gives every step its batch, the later ones further on", () => {
    expect(first(skipping(), 3)).toEqual([0, 1, 2]);
    expect(first(skipping([2, 5]), 5)).toEqual([0, 1, 5, 6, 7]);
    expect(first(skipping([4, 5], [0, 2]), 5)).toEqual([2, 3, 5, 6, 7]);
  });

  it("joins ranges that touch", () => {
    const skipped = skipping([2, 5], [5, 6], [8, 9]);
    expect(first(skipped, 5)).toEqual([0, 1, 6, 7, 9]);
    expect(skipped.state()).toEqual([
      [2, 6],
      [8, 9],
    ]);
  });

  it("gives the batches that are left, in order, whatever is passed over", () => {
    const range = fc
      .tuple(fc.nat(30), fc.integer({ min: 1, max: 5 }))
      .map(([from, count]): BatchRange => [from, from + count]);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 6 }), (ranges) => {
        const left = Array.from({ length: 100 }, (_, batch) => batch).filter(
          (batch) => !ranges.some(([from, to]) => from <= batch && batch < to),
        );
        expect(first(skipping(...ranges), 60)).toEqual(left.slice(0, 60));
      }),
    );
  });

  it("reads back its state", () => {
    const other = new SkippedBatches();
    other.restore(JSON.parse(JSON.stringify(skipping([2, 5], [7, 9]).state())));
    other.add([5, 7]);
    expect(first(other, 3)).toEqual([0, 1, 9]);
  });
});
