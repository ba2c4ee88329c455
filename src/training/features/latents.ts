import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResolvedStage } from "../../config/index.ts";
import type { Bucket } from "../../data/buckets.ts";
import { hasOneCover } from "../../data/cover-picture.ts";
import { mapConcurrent } from "../../data/map-concurrent.ts";
import { describeReasons } from "../../data/reasons.ts";
import type { UnreadableLimit } from "../../data/unreadable-limit.ts";
import { InternalError } from "../../errors/index.ts";
import { type CropPlace, ImageError, type RgbImage } from "../../images/index.ts";
import { nearestShape } from "../../images/resolution-table.ts";
import type { AutoencoderKL } from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SampleRng } from "../contract/sample-rng.ts";
import {
  type Condition,
  type KnownSource,
  type OriginalSize,
  PictureSource,
} from "../dataset/picture-source.ts";
import type { Example } from "../dataset/training-data.ts";
import { EncodingProgress, type ProgressTold } from "../progress/encoding-progress.ts";
import { type LatentStore, latentKey, type MadeMoments, type Moments } from "./latent-store.ts";

/** Decoded pictures may be large, so only a few are held at once. */
const DECODED_AT_ONCE = 4;

/** A picture as it appears in a sample of a batch. */
export interface Seen {
  readonly example: Example;
  readonly place: CropPlace;
  readonly mirrored: boolean;
}

/** A picture of a batch: the key of its cached latents, or its pixels. */
export type LoadedPicture = {
  readonly originalSize: OriginalSize;
  /** The size it is trained at. */
  readonly bucket: Bucket;
} & ({ readonly key: string } | { readonly pixels: RgbImage });

/** What holds for a picture regardless of cropping and mirroring. */
interface KnownPicture {
  /** Hash of its file: the start of its keys in the store. */
  readonly content: string;
  readonly originalSize: OriginalSize;
  readonly bucket: Bucket;
  /** Whether all crops of it are the same. */
  readonly hasOneCrop: boolean;
}

/** What {@link Latents} works with. */
export interface LatentsOptions extends ProgressTold {
  readonly examples: readonly Example[];
  readonly stage: Pick<ResolvedStage, "resolution" | "transform">;
  /**
   * Sizes around the stage's resolution; each picture gets the one nearest in shape. Without them all pictures become squares.
   */
  readonly buckets?: readonly Bucket[] | undefined;
  /** Frozen; the caller keeps ownership. */
  readonly vae: AutoencoderKL;
  /** Encodes each picture's control picture instead of the picture itself, resized and cropped in the same way. */
  readonly control?: Condition | undefined;
  /**
   * Moments (C, h, w) of an unmirrored picture from another source, cached instead of the autoencoder's own; undefined if there
   * are none. This class takes ownership. `encode` computes the autoencoder's own, for comparison.
   */
  readonly made?: MadeMoments | undefined;
  /** Cached latents, shared until {@link Latents.dispose}; null encodes pictures whenever they are used. */
  readonly store: LatentStore | null;
  /** Counts unreadable pictures, which are skipped, with those of the stage's other lists. */
  readonly limit: UnreadableLimit;
  readonly warn: (message: string) => void;
  /** Aborting it stops the encoding; pictures encoded so far are kept. */
  readonly signal?: AbortSignal | undefined;
}

/** (B, 3, H, W) in [-1, 1]. */
export const pixelsOf = (images: readonly RgbImage[]): Tensor =>
  torch.tidy(() => {
    const rows = images.map(({ data, width, height }) =>
      torch.fromTypedArray(data, [1, height, width, 3]),
    );
    return torch.cat(rows).permute([0, 3, 1, 2]).float().div(127.5).sub(1).contiguous();
  });

/**
 * Latent distributions of pictures under a frozen autoencoder: mean and standard deviation, from which latents are sampled on
 * every use. Each picture is encoded alone, so cached latents equal those encoded in a step to the last bit. Random crops of
 * non-square pictures cannot be cached and are encoded in their step.
 */
export class Latents {
  readonly #options: LatentsOptions;
  readonly #source: PictureSource;
  /** The readable pictures, in the given order. */
  readonly examples: readonly Example[];
  readonly #leaveStore: (() => void) | undefined;
  /** Only with a store. */
  readonly #known = new Map<Example, KnownPicture>();
  #encoded = 0;
  /** The bucket of each of `examples`, by its ratio; undefined if all are squares. All pictures of a batch share a bucket. */
  readonly buckets: readonly number[] | undefined;

  private constructor(
    options: LatentsOptions,
    examples: readonly Example[],
    {
      leaveStore,
      buckets,
    }: { leaveStore?: (() => void) | undefined; buckets?: readonly number[] | undefined } = {},
  ) {
    this.#options = options;
    this.#source = new PictureSource(options.stage, options.control);
    this.examples = examples;
    this.#leaveStore = leaveStore;
    this.buckets = buckets;
  }

  /**
   * Finds each picture's bucket and encodes what the cache lacks; unreadable pictures are skipped with warnings. Throws
   * UnreadablePicturesError if there are too many, and the signal's reason if it is aborted. Without cache and buckets,
   * ImageError is thrown on a picture's first use instead.
   */
  static async open(options: LatentsOptions): Promise<Latents> {
    const { examples, buckets, store, limit, warn, signal } = options;
    if (store === null && buckets === undefined) return new Latents(options, examples);
    const unreadable = new Map<Example, ImageError>();
    const ratios = new Map<Example, number>();
    const filling = new Latents(options, []);
    const progress = new EncodingProgress("Encoding pictures", examples.length, options);
    await mapConcurrent(examples, DECODED_AT_ONCE, async (example) => {
      await nextTurn(); // encoding is synchronous and would block signals
      if (signal?.aborted) return;
      try {
        if (buckets !== undefined)
          ratios.set(example, nearestShape(await example.size(), buckets).ratio);
        if (store !== null) await filling.#fill(store, example);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        unreadable.set(example, error);
      }
      progress.done(1);
    });
    await store?.flush();
    signal?.throwIfAborted();
    const leftOut = [...unreadable.values()].map(({ source, reason }) => ({
      path: source,
      reason,
    }));
    limit.add(leftOut);
    for (const line of describeReasons(leftOut)) warn(`Left out: ${line}`);
    const readable = examples.filter((example) => !unreadable.has(example));
    const latents = new Latents(options, readable, {
      leaveStore: store?.share(),
      buckets: buckets && readable.map((example) => ratios.get(example) ?? 1),
    });
    for (const [example, known] of filling.#known) latents.#known.set(example, known);
    latents.#encoded = filling.#encoded;
    return latents;
  }

  /** How many encodings were done for the cache when it was opened; a mirrored picture counts separately. */
  get encoded(): number {
    return this.#encoded;
  }

  /**
   * Records what holds for a picture in general, and imports or encodes the latents that the store lacks. Reads the picture only
   * for these, or if its file has changed.
   */
  async #fill(store: LatentStore, example: Example): Promise<void> {
    const { horizontalFlip } = this.#options.stage.transform;
    const versions = horizontalFlip > 0 ? [false, true] : [false];
    const before = await this.#source.known(example);
    if (before !== undefined) {
      const { hasOneCrop, ...crop } = this.#note(example, before);
      const isStored = (mirrored: boolean): boolean => store.has(latentKey({ ...crop, mirrored }));
      if (!hasOneCrop || versions.every(isStored)) return;
    }
    const file = await this.#source.read(example);
    const { originalSize } = file;
    const { content, bucket, hasOneCrop } = this.#note(example, { key: file.key(), originalSize });
    if (!hasOneCrop) return;
    let image: RgbImage | undefined;
    const encode = async (mirrored: boolean): Promise<Moments> => {
      image ??= await file.decode();
      const crop = { bucket, place: "center", mirrored } as const;
      return this.#moments(await this.#source.crop(image, file, crop));
    };
    for (const mirrored of versions) {
      const key = latentKey({ content, bucket, mirrored });
      if (store.has(key)) continue;
      const found = mirrored
        ? undefined
        : await this.#options.made?.(example, this.#shapeOf(bucket), () => encode(false));
      if (found === undefined) this.#encoded++;
      await putOnce(store, key, found ?? (await encode(mirrored)));
    }
  }

  #note(example: Example, { key: content, originalSize }: KnownSource): KnownPicture {
    const bucket = this.#bucketOf(originalSize);
    const isCentered = this.#options.stage.transform.crop === "center";
    const hasOneCrop = isCentered || hasOneCover(originalSize, bucket);
    const known = { content, originalSize, bucket, hasOneCrop };
    this.#known.set(example, known);
    return known;
  }

  /** (1, C, h, w) each, in the autoencoder's own precision, independent of a step's autocast. */
  #moments(picture: RgbImage): Moments {
    const { dtype, device } = this.#options.vae;
    const encoded = (): Moments => {
      const { mean, logvar } = this.#options.vae.encode(pixelsOf([picture]).to({ dtype, device }));
      return [mean.contiguous(), logvar.mul(0.5).exp()];
    };
    return torch.noGrad(() => torch.withoutAutocast(() => torch.tidy(encoded)));
  }

  #bucketOf(size: OriginalSize): Bucket {
    const { buckets, stage } = this.#options;
    const { resolution } = stage;
    return buckets === undefined
      ? { ratio: 1, width: resolution, height: resolution }
      : nearestShape(size, buckets);
  }

  /** Whether all pictures were encoded before training. */
  get isCached(): boolean {
    return (
      this.#options.store !== null && [...this.#known.values()].every((each) => each.hasOneCrop)
    );
  }

  /** (C, h, w) of one square latent. */
  get shape(): number[] {
    const { resolution } = this.#options.stage;
    return this.#shapeOf({ width: resolution, height: resolution });
  }

  #shapeOf({ width, height }: OriginalSize): number[] {
    const { latentChannels, blockOutChannels } = this.#options.vae.config;
    const factor = 2 ** (blockOutChannels.length - 1);
    return [latentChannels, height / factor, width / factor];
  }

  /** Draws crop and mirroring of each picture, and loads what its latents are computed from. */
  load(ids: readonly number[], draws: SampleRng): Promise<LoadedPicture[]> {
    return this.loadSeen(this.see(ids, draws));
  }

  /** Draws crop and mirroring of each picture. */
  see(ids: readonly number[], draws: SampleRng): Seen[] {
    const { horizontalFlip, crop } = this.#options.stage.transform;
    // Unused transforms draw nothing, so that the random numbers after them stay the same.
    const flips = horizontalFlip > 0 ? draws.uniform().map((u) => u < horizontalFlip) : [];
    const places = crop === "random" ? draws.uniform() : [];
    return ids.map((id, i): Seen => {
      const example = this.examples[id];
      if (example === undefined) throw new InternalError(`Expected an example ${id}`);
      return { example, place: places[i] ?? "center", mirrored: flips[i] ?? false };
    });
  }

  /** Loads what the latents of pictures are computed from. */
  loadSeen(seen: readonly Seen[]): Promise<LoadedPicture[]> {
    return mapConcurrent(seen, DECODED_AT_ONCE, (each) => this.#loadOne(each));
  }

  async #loadOne({ example, place, mirrored }: Seen): Promise<LoadedPicture> {
    const known = this.#known.get(example);
    if (known?.hasOneCrop) {
      const { content, originalSize, bucket } = known;
      return { key: latentKey({ content, bucket, mirrored }), originalSize, bucket };
    }
    const file = await this.#source.read(example);
    const { originalSize } = file;
    const bucket = this.#bucketOf(originalSize);
    const image = await file.decode();
    const pixels = await this.#source.crop(image, file, { bucket, place, mirrored });
    return { pixels, originalSize, bucket };
  }

  /** A picture without random transforms: a centre crop, square, at the stage's resolution. */
  async square(example: Example): Promise<RgbImage> {
    const { resolution } = this.#options.stage;
    const file = await this.#source.read(example);
    const bucket = { ratio: 1, width: resolution, height: resolution };
    const crop = { bucket, place: "center", mirrored: false } as const;
    return this.#source.crop(await file.decode(), file, crop);
  }

  /** Latents (B, C, h, w) of loaded pictures of one bucket, scaled for the diffusion model. */
  draw(pictures: readonly LoadedPicture[], draws: SampleRng): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        const [first] = pictures;
        if (first === undefined) throw new InternalError("Expected at least one picture");
        const { device } = this.#options.vae;
        const noise = draws.normal(this.#shapeOf(first.bucket), device);
        const moments = pictures.map((picture) =>
          "pixels" in picture ? this.#moments(picture.pixels) : this.#cached(picture.key),
        );
        const mean = torch.cat(moments.map(([m]) => m.to({ device }))).float();
        const std = torch.cat(moments.map(([, s]) => s.to({ device }))).float();
        return this.#options.vae.toDiffusion(mean.add(std.mul(noise)));
      }),
    );
  }

  #cached(key: string): Moments {
    const { store } = this.#options;
    if (store === null) throw new InternalError("Expected latents that are cached");
    return store.get(key);
  }

  dispose(): void {
    this.#leaveStore?.();
  }
}

/** Stores moments and frees their memory. */
async function putOnce(store: LatentStore, key: string, moments: Moments): Promise<void> {
  try {
    await store.put(key, moments);
  } finally {
    for (const each of moments) each.dispose();
  }
}
