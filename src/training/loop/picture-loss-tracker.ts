import { IncompatibleError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import {
  BAND_FIELDS,
  NARROW_BANDS,
  namesFromBytes,
  namesToBytes,
  PICTURE_FIELDS,
  type PictureLossTensor,
} from "../contract/picture-loss-tensors.ts";
import { bandOf, type TimestepLoss } from "../contract/timestep-bands.ts";
import { pictureKeys } from "../dataset/picture-keys.ts";
import type { PictureLoss } from "../run-folder/picture-losses-file.ts";

/** Number of recent losses that a band's mean and deviation cover, so that both follow training progress. */
const HORIZON = 1000;

/**
 * Tracks each training picture's losses and the expected losses, so that pictures compare regardless of the timesteps they drew.
 */
export class PictureLossTracker {
  readonly #pictures: Float64Array;
  readonly #bands: Float64Array = new Float64Array(NARROW_BANDS * BAND_FIELDS);
  /** Contents for checkpoints: copies, updated on request. */
  readonly #saved: Readonly<Record<PictureLossTensor, Tensor>>;
  readonly #names: readonly string[];
  #since = 0;

  /** @param names of the stage's pictures */
  constructor(names: readonly string[]) {
    const count = names.length;
    const bytes = namesToBytes(names);
    this.#names = names;
    this.#pictures = new Float64Array(count * PICTURE_FIELDS);
    const zeros = (shape: readonly number[]): Tensor =>
      torch.keep(torch.zeros(shape, { dtype: "float64" }));
    this.#saved = {
      pictures: zeros([count, PICTURE_FIELDS]),
      bands: zeros([NARROW_BANDS, BAND_FIELDS]),
      since: zeros([1]),
      names: torch.keep(torch.fromTypedArray(bytes, [bytes.length])),
    };
  }

  /** Step after which tracking began: 0 unless it was {@link begin | restarted}. */
  get since(): number {
    return this.#since;
  }

  /** Records a loss of a picture. */
  add(id: number, { loss, timestep }: TimestepLoss): void {
    const [mean, deviation] = this.#learn(bandOf(timestep, NARROW_BANDS), loss);
    const score = deviation === 0 ? 0 : (loss - mean) / deviation;
    for (const [i, value] of [1, loss, mean, score].entries()) {
      const at = id * PICTURE_FIELDS + i;
      this.#pictures[at] = (this.#pictures[at] ?? 0) + value;
    }
  }

  /** Updates a band's mean and deviation with a loss (West 1979, with older losses weighted less once there are enough). */
  #learn(band: number, loss: number): [mean: number, deviation: number] {
    const at = band * BAND_FIELDS;
    const [seen = 0, mean = 0, variance = 0] = this.#bands.subarray(at);
    const share = 1 / Math.min(seen + 1, HORIZON);
    const change = loss - mean;
    const learnt = [
      seen + 1,
      mean + share * change,
      (1 - share) * (variance + share * change * change),
    ] as const;
    this.#bands.set(learnt, at);
    return [learnt[1], Math.sqrt(learnt[2])];
  }

  /** Statistics of every picture seen. */
  pictures(): PictureLoss[] {
    return this.#names
      .map((picture, id) => {
        const [seen = 0, loss = 0, expected = 0, score = 0] = this.#pictures.subarray(
          id * PICTURE_FIELDS,
        );
        return { picture, seen, loss: loss / seen, expected: expected / seen, score: score / seen };
      })
      .filter(({ seen }) => seen > 0);
  }

  /** Contents for a checkpoint, brought up to date. The tracker keeps ownership. */
  tensors(): ReadonlyMap<string, Tensor> {
    const { pictures, bands, since } = this.#saved;
    torch.tidy(() => {
      pictures.copy_(torch.fromTypedArray(this.#pictures, pictures.shape));
      bands.copy_(torch.fromTypedArray(this.#bands, bands.shape));
      since.fill_(this.#since);
    });
    return new Map(Object.entries(this.#saved));
  }

  /**
   * Restores what {@link tensors} returned, matching pictures by name and by position among equal names. New pictures start from
   * zero and missing ones are dropped. A state from an earlier version has no names; it is restored if the number of pictures
   * matches, otherwise nothing is restored and the result is false.
   * @param renamed new keys of pictures by their old ones: see pictureKeys
   */
  restore(
    tensors: ReadonlyMap<string, Tensor>,
    renamed: ReadonlyMap<string, string> = new Map(),
  ): boolean {
    const [pictures, bands, since] = ["pictures", "bands", "since"].map((name) => {
      const array = tensors.get(name)?.toTypedArray();
      if (!(array instanceof Float64Array))
        throw new IncompatibleError(`The checkpoint lacks "${name}" of its part "losses"`);
      return array;
    }) as [Float64Array, Float64Array, Float64Array];
    const named = tensors.get("names");
    const names = named && namesFromBytes(named.toBytes());
    if (names === undefined && pictures.length !== this.#pictures.length) return false;
    const places = new Map(pictureKeys(this.#names).map((key, id) => [key, id]));
    this.#pictures.fill(0);
    for (const [was, key] of pictureKeys(names ?? this.#names).entries()) {
      const id = places.get(renamed.get(key) ?? key);
      if (id === undefined) continue;
      const row = pictures.subarray(was * PICTURE_FIELDS, (was + 1) * PICTURE_FIELDS);
      this.#pictures.set(row, id * PICTURE_FIELDS);
    }
    this.#bands.set(bands);
    this.#since = since[0] ?? 0;
    return true;
  }

  /** Resets all statistics; tracking starts after this step. */
  begin(step: number): void {
    this.#pictures.fill(0);
    this.#bands.fill(0);
    this.#since = step;
  }

  dispose(): void {
    for (const tensor of Object.values(this.#saved)) tensor.dispose();
  }
}
