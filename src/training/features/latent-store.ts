import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ResolvedStage } from "../../config/index.ts";
import type { Bucket } from "../../data/buckets.ts";
import { FeatureStore } from "../../data/feature-store.ts";
import type { AutoencoderKL } from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { Example } from "../dataset/training-data.ts";
import { stateHash } from "../models/state-hash.ts";

/** Mean and deviation of a picture's latent, (1, C, h, w) each. */
export type Moments = readonly [mean: Tensor, std: Tensor];

/** A picture's moments from elsewhere, of shape (C, h, w), if there are any; `encode` makes those of an autoencoder. */
export type MadeMoments = (
  example: Example,
  shape: readonly number[],
  encode: () => Promise<Moments>,
) => Promise<Moments | undefined>;

/** A picture as it is encoded to be kept. */
export interface KeptSight {
  /** Hash of its file. */
  readonly content: string;
  readonly bucket: Bucket;
  readonly mirrored: boolean;
}

/** Counts how often the pixels of a file have changed here, by another way of decoding or resizing: latents of both don't mix. */
const PIXELS = 2;

/** What the kept latents of a picture depend on beside the picture. */
export interface LatentStoreOptions {
  readonly vae: AutoencoderKL;
  readonly stage: Pick<ResolvedStage, "resolution" | "transform">;
  readonly warn: (message: string) => void;
}

/** What a picture's keys begin with. A square one has no size in it: a store is of one resolution. */
export function latentKey({ content, bucket: { width, height }, mirrored }: KeptSight): string {
  const size = width === height ? "" : `.${width}x${height}`;
  return `${content}${size}${mirrored ? ".mirrored" : ""}.`;
}

/** The cached latents of an autoencoder, a resolution and a way of resizing, by {@link latentKey}. */
export class LatentStore {
  readonly #features: FeatureStore;

  private constructor(features: FeatureStore) {
    this.#features = features;
  }

  /** Opens the one of these options in a cache's folder. */
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

  /** Mapped; the caller's to dispose. */
  get(key: string): Moments {
    return [this.#features.get(`${key}mean`), this.#features.get(`${key}std`)];
  }

  /** Takes the moments' present values. */
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

  dispose(): void {
    this.#features.dispose();
  }
}
