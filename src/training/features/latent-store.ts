import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ResolvedStage } from "../../config/index.ts";
import type { Bucket } from "../../data/buckets.ts";
import { FeatureStore } from "../../data/feature-store.ts";
import type { AutoencoderKL } from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { Example } from "../dataset/training-data.ts";
import { stateHash } from "../models/state-hash.ts";

/** Mean and standard deviation of a picture's latent, (1, C, h, w) each. */
export type Moments = readonly [mean: Tensor, std: Tensor];

/** A picture's moments of shape (C, h, w) from another source, if there are any; `encode` computes the autoencoder's own. */
export type MadeMoments = (
  example: Example,
  shape: readonly number[],
  encode: () => Promise<Moments>,
) => Promise<Moments | undefined>;

/** A picture in the form that is cached. */
export interface CachedCrop {
  /** Hash of its file. */
  readonly content: string;
  readonly bucket: Bucket;
  readonly mirrored: boolean;
}

/** Version of the pixel pipeline, raised whenever decoding or resizing changes: latents of different versions do not mix. */
const PIXELS = 2;

/** What cached latents depend on besides the picture. */
export interface LatentStoreOptions {
  readonly vae: AutoencoderKL;
  readonly stage: Pick<ResolvedStage, "resolution" | "transform">;
  readonly warn: (message: string) => void;
}

/** Start of a picture's keys. Keys of square pictures contain no size, since a store has a single resolution. */
export function latentKey({ content, bucket: { width, height }, mirrored }: CachedCrop): string {
  const size = width === height ? "" : `.${width}x${height}`;
  return `${content}${size}${mirrored ? ".mirrored" : ""}.`;
}

/** The cached latents of an autoencoder, a resolution and a resizing method, by {@link latentKey}. */
export class LatentStore implements Disposable {
  readonly #features: FeatureStore;

  private constructor(features: FeatureStore) {
    this.#features = features;
  }

  /** Opens the store for these options in a cache folder. */
  static async open(cache: string, { vae, stage, warn }: LatentStoreOptions): Promise<LatentStore> {
    const { resolution, transform } = stage;
    const { resample } = transform;
    const made = [stateHash(vae), JSON.stringify(vae.config), resolution, resample, PIXELS];
    const name = createHash("sha256").update(made.join("/")).digest("hex").slice(0, 16);
    return new LatentStore(await FeatureStore.open(join(cache, `latents-${name}`), warn));
  }

  has(key: string): boolean {
    return this.#features.has(`${key}mean`);
  }

  /** Memory-mapped; the caller disposes of the tensors. */
  get(key: string): Moments {
    return [this.#features.get(`${key}mean`), this.#features.get(`${key}std`)];
  }

  /** Stores the current values of the moments. */
  async put(key: string, [mean, std]: Moments): Promise<void> {
    await this.#features.put(
      new Map([
        [`${key}mean`, mean],
        [`${key}std`, std],
      ]),
    );
  }

  flush(): Promise<void> {
    return this.#features.flush();
  }

  /** Adds what other processes have written since. */
  refresh(): Promise<void> {
    return this.#features.refresh();
  }

  /** Keeps the store open for one more user, who calls the returned function at the end. */
  share(): () => void {
    return this.#features.share();
  }

  /** Closes the store once nobody shares it any more. */
  [Symbol.dispose](): void {
    this.#features.dispose();
  }
}
