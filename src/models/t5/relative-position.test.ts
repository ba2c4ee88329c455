import { describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import { relativePositionBuckets } from "./relative-position.ts";

const buckets = (length: number): number[][] =>
  relativePositionBuckets(length, {
    numBuckets: 32,
    maxDistance: 128,
    device: "cpu",
  }).tolist() as number[][];

/** First distance of every bucket behind the query, in T5's 32 buckets up to distance 128. */
const firstDistances = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

const bucketOf = (distance: number): number =>
  firstDistances.findLastIndex((first) => first <= distance);

describe("relativePositionBuckets", () => {
  it("follows T5's table on both sides", () => {
    const table = buckets(200);
    const last = table.at(-1)?.toReversed(); // keys behind the last query, nearest first
    const first = table[0]; // keys ahead of the first query
    for (let distance = 0; distance < 200; distance++) {
      expect(last?.[distance], `${distance} behind`).toBe(bucketOf(distance));
      expect(first?.[distance], `${distance} ahead`).toBe(
        distance === 0 ? 0 : 16 + bucketOf(distance),
      );
    }
  });

  it("depends on the difference of positions alone and never gives bucket 16", () => {
    const table = buckets(40);
    for (let q = 1; q < 40; q++) {
      expect(table[q]?.slice(1)).toEqual(table[q - 1]?.slice(0, -1));
    }
    expect(table.flat()).not.toContain(16);
  });

  it("takes one token, and frees everything but its result", () => {
    collectGarbage();
    const before = torch.memory().tensors;
    const one = relativePositionBuckets(1, { numBuckets: 32, maxDistance: 128, device: "cpu" });
    expect(one.tolist()).toEqual([[0]]);
    expect(torch.memory().tensors).toBe(before + 1);
  });
});
