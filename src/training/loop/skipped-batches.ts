import type { JsonValue } from "../contract/checkpoint-manifest.ts";

/** Range of batch numbers; the end is exclusive. */
export type BatchRange = readonly [from: number, to: number];

/**
 * The batches of a stage that are skipped. Every step still gets a batch: a stage of N steps uses the first N batches that
 * remain, and so reaches further into the sequence of pictures.
 */
export class SkippedBatches {
  /** Sorted and disjoint. */
  #ranges: readonly BatchRange[] = [];

  /** The batch of a step, both counted from 0. */
  at(step: number): number {
    let batch = step;
    for (const [from, to] of this.#ranges) if (batch >= from) batch += to - from;
    return batch;
  }

  /** Skips these batches too. */
  add(range: BatchRange): void {
    const merged: BatchRange[] = [];
    for (const [from, to] of [...this.#ranges, range].sort(([a], [b]) => a - b)) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last[1])
        merged[merged.length - 1] = [last[0], Math.max(last[1], to)];
      else merged.push([from, to]);
    }
    this.#ranges = merged;
  }

  state(): JsonValue {
    return this.#ranges.map(([from, to]) => [from, to]);
  }

  /** Restores what {@link state} returned. */
  restore(state: JsonValue): void {
    this.#ranges = structuredClone(state) as unknown as BatchRange[];
  }
}
