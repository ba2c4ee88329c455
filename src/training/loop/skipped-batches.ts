import type { JsonValue } from "../contract/checkpoint-manifest.ts";

/** Numbers of batches from the first to before the second. */
export type BatchRange = readonly [from: number, to: number];

/**
 * The batches of a stage that are passed over. Every step has its batch still: a stage of N steps takes the first N that
 * are left, and so goes further into the sequence of its pictures.
 */
export class SkippedBatches {
  /** In order and apart. */
  #ranges: readonly BatchRange[] = [];

  /** The batch of a step, both counted from 0. */
  at(step: number): number {
    let batch = step;
    for (const [from, to] of this.#ranges) if (batch >= from) batch += to - from;
    return batch;
  }

  /** Passes over these too. */
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

  /** Takes what {@link state} gave. */
  restore(state: JsonValue): void {
    this.#ranges = structuredClone(state) as unknown as BatchRange[];
  }
}
