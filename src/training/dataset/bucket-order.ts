import { expected, InvalidValueError } from "../../errors/index.ts";
import * as torch from "../../torch/index.ts";
import type { Order } from "../contract/sample-rng.ts";

/**
 * An order for samples of several sizes in which each batch has samples of one bucket. An epoch shows every sample in a random
 * sequence of full batches: the last batch of a bucket is filled by repeating samples of that bucket. PixArt's own sampler drops
 * incomplete batches (`AspectRatioBatchSampler`).
 */
export class BucketOrder implements Order {
  readonly #seed: number;
  readonly #purpose: string;
  readonly #buckets: readonly number[];
  readonly #batch: number;
  #epoch = -1;
  #ids: readonly number[] = [];

  /** @param buckets the bucket of each sample, as arbitrary numbers */
  constructor(seed: number, purpose: string, buckets: readonly number[], batch: number) {
    if (buckets.length < 1) {
      throw expected("at least one sample", purpose, "0");
    }
    this.#seed = seed;
    this.#purpose = purpose;
    this.#buckets = buckets;
    this.#batch = batch;
  }

  at(position: number): number {
    // Every epoch has as many positions as the first.
    const length = this.#ids.length || this.#inEpoch(0).length;
    const id = this.#inEpoch(Math.floor(position / length))[position % length];
    if (id === undefined)
      throw new InvalidValueError(`Expected a position but received ${position}`);
    return id;
  }

  #inEpoch(epoch: number): readonly number[] {
    if (epoch === this.#epoch) return this.#ids;
    const generator = torch.stream(this.#seed, this.#purpose, epoch);
    const shuffled = <T>(list: readonly T[]): T[] =>
      torch.tidy(() => {
        const places = torch.randperm(list.length, { generator, dtype: "int64" }).toTypedArray();
        return Array.from(places as BigInt64Array, (place) => list[Number(place)] as T);
      });
    const ids = shuffled(this.#buckets.map((_, id) => id));
    const batches = ofOneKind(ids, (id) => this.#buckets[id]).flatMap((own) =>
      chunks(own, this.#batch).map((batch) => filled(batch, own, this.#batch)),
    );
    this.#ids = shuffled(batches).flat();
    this.#epoch = epoch;
    return this.#ids;
  }
}

/** A batch filled to `size` with the first samples of its bucket, repeated as needed. */
const filled = (batch: readonly number[], own: readonly number[], size: number): number[] => [
  ...batch,
  ...Array.from({ length: size - batch.length }, (_, i) => own[i % own.length] as number),
];

/** Splits a list into batches of at most `size` items of one kind each; the order within a kind is kept. */
export const batchesOfOneKind = <T>(
  list: readonly T[],
  kindOf: (item: T) => unknown,
  size: number,
): T[][] => ofOneKind(list, kindOf).flatMap((own) => chunks(own, size));

function ofOneKind<T>(list: readonly T[], kindOf: (item: T) => unknown): T[][] {
  const kinds = new Map<unknown, T[]>();
  for (const item of list) {
    const kind = kindOf(item);
    const own = kinds.get(kind);
    if (own === undefined) kinds.set(kind, [item]);
    else own.push(item);
  }
  return [...kinds.values()];
}

const chunks = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
