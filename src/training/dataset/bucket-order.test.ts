import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../../errors/index.ts";
import { type Order, SampleOrder } from "../contract/sample-rng.ts";
import { BucketOrder, batchesOfOneKind } from "./bucket-order.ts";

// 7 squares, 4 wide and 1 tall sample: 2 + 1 + 1 batches of 4.
const BUCKETS = [1, 1, 2, 1, 2, 1, 1, 9, 2, 1, 2, 1];
const BATCH = 4;
const EPOCH = 16;

const bucketed = (seed = 5): BucketOrder => new BucketOrder(seed, "words/order", BUCKETS, BATCH);
const take = (order: Order, from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => order.at(from + i));
const batches = (ids: readonly number[]): number[][] =>
  Array.from({ length: ids.length / BATCH }, (_, i) => ids.slice(i * BATCH, (i + 1) * BATCH));
const sorted = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);
const all = BUCKETS.map((_, id) => id);

describe("SampleOrder", () => {
  it("shows each sample exactly once an epoch, every epoch in another sequence", () => {
    const order = new SampleOrder(5, "words/order", 12);
    const epochs = [0, 1, 2].map((epoch) => take(order, 12 * epoch, 12));
    for (const epoch of epochs) expect(sorted(epoch)).toEqual(all);
    expect(new Set(epochs.map(String)).size).toBe(3);
  });

  it("refuses no samples", () => {
    expect(() => new SampleOrder(5, "words/order", 0)).toThrow(
      new InvalidValueError("Expected at least one sample for words/order but received 0"),
    );
  });
});

describe("BucketOrder", () => {
  it("drops none, and repeats only what fills the last batch of a bucket", () => {
    for (let epoch = 0; epoch < 5; epoch++) {
      const ids = take(bucketed(), epoch * EPOCH, EPOCH);
      expect([...new Set(sorted(ids))]).toEqual(all);
      const seen = (id: number): number => ids.filter((other) => other === id).length;
      // One of the seven squares comes twice, the only tall one fills its batch.
      const squares = all.filter((id) => BUCKETS[id] === 1);
      expect(squares.map(seen).toSorted()).toEqual([1, 1, 1, 1, 1, 1, 2]);
      expect(seen(7)).toBe(4);
      expect(all.filter((id) => BUCKETS[id] === 2).map(seen)).toEqual([1, 1, 1, 1]);
    }
  });

  it("has one bucket a batch, and mixes the batches of all buckets", () => {
    const sequences = new Set<string>();
    for (let epoch = 0; epoch < 12; epoch++) {
      const kinds = batches(take(bucketed(), epoch * EPOCH, EPOCH)).map(
        (ids) => new Set(ids.map((id) => BUCKETS[id])),
      );
      for (const kind of kinds) expect(kind.size).toBe(1);
      sequences.add(kinds.map((kind) => [...kind][0]).join(" "));
    }
    expect(sequences.size).toBeGreaterThan(4);
  });

  it("is a function of seed and position: a run may resume anywhere", () => {
    const straight = take(bucketed(), 0, 4 * EPOCH);
    for (let from = 0; from < 3 * EPOCH; from += 5) {
      expect(take(bucketed(), from, 9)).toEqual(straight.slice(from, from + 9));
    }
    const order = bucketed();
    expect([40, 3, 17, 40].map((position) => order.at(position))).toEqual(
      [40, 3, 17, 40].map((position) => straight[position]),
    );
    expect(take(bucketed(6), 0, EPOCH)).not.toEqual(straight.slice(0, EPOCH));
  });

  it("refuses no samples", () => {
    expect(() => new BucketOrder(5, "words/order", [], 4)).toThrow(
      new InvalidValueError("Expected at least one sample for words/order but received 0"),
    );
  });

  it("names a position that is none", () => {
    expect(() => bucketed().at(-1)).toThrow(
      new InvalidValueError("Expected a position but received -1"),
    );
  });
});

describe("batchesOfOneKind", () => {
  it("keeps the sequence, and leaves a list of one kind as it is", () => {
    const parity = (n: number): number => n % 2;
    expect(batchesOfOneKind([1, 2, 3, 4, 5, 7], parity, 2)).toEqual([
      [1, 3],
      [5, 7],
      [2, 4],
    ]);
    expect(batchesOfOneKind([1, 2, 3], () => 0, 2)).toEqual([[1, 2], [3]]);
  });
});
