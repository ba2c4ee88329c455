import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ResolvedStage } from "../config/index.ts";
import { FeatureStore } from "../data/feature-store.ts";
import { UnreadablePicturesError } from "../data/load-pictures.ts";
import { mapConcurrent } from "../data/map-concurrent.ts";
import { type CropPlace, isSquare, squarePicture } from "../data/square-picture.ts";
import { ImageError, pictureSize, type ResizeKernel, RgbImage } from "../images/index.ts";
import type { AutoencoderKL } from "../models/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { SampleDraws } from "./draws.ts";
import { stateHash } from "./state-hash.ts";
import type { Example } from "./training-data.ts";

const KERNELS: Readonly<Record<ResolvedStage["transform"]["resample"], ResizeKernel>> = {
  bilinear: "linear",
  bicubic: "cubic",
  lanczos: "lanczos3",
};
/** Decoded pictures of any size may be large, so few are held at once. */
const DECODED_AT_ONCE = 4;

/** One picture as one sample of a batch sees it. */
interface Seen {
  readonly example: Example;
  readonly place: CropPlace;
  readonly mirrored: boolean;
}

/** Height and width of a picture as its file has it. */
export interface OriginalSize {
  readonly height: number;
  readonly width: number;
}

/** A picture of a batch: where its latents are cached, or its pixels. */
export type LoadedPicture = { readonly originalSize: OriginalSize } & (
  | { readonly key: string }
  | { readonly pixels: RgbImage }
);

/** What of a picture holds for all sights of it. */
interface KnownPicture {
  /** Hash of its file: the start of its keys in the store. */
  readonly content: string;
  readonly originalSize: OriginalSize;
  /** Whether every crop of it is the same. */
  readonly hasOneCrop: boolean;
}

/** What {@link Latents} works on. */
export interface LatentsOptions {
  readonly examples: readonly Example[];
  readonly stage: Pick<ResolvedStage, "resolution" | "transform">;
  /** Frozen; stays the caller's. */
  readonly vae: AutoencoderKL;
  /** Folder for cached latents; null encodes pictures anew whenever they are seen. */
  readonly cache: string | null;
  /** Share of the pictures that may be unreadable: those are left out. */
  readonly maxUnreadable: number;
  readonly warn: (message: string) => void;
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
 * The distributions of pictures' latents under a frozen autoencoder: mean and deviation, from which every sight of a
 * picture draws anew. Each picture is encoded alone, so that a cached one and one encoded in its step are equal to the
 * last bit. Random crops of pictures that are not square cannot be cached and are encoded in their step.
 */
export class Latents {
  readonly #options: LatentsOptions;
  /** The pictures that can be read, in the given order. */
  readonly examples: readonly Example[];
  readonly #store: FeatureStore | undefined;
  /** Only with a store. */
  readonly #known = new Map<Example, KnownPicture>();

  private constructor(
    options: LatentsOptions,
    examples: readonly Example[],
    store: FeatureStore | undefined,
  ) {
    this.#options = options;
    this.examples = examples;
    this.#store = store;
  }

  /**
   * Encodes what the cache lacks; pictures that cannot be read are left out and told of. Throws UnreadablePicturesError
   * where they are too many. Without a cache it is a picture's first use that throws ImageError.
   */
  static async open(options: LatentsOptions): Promise<Latents> {
    const { cache, vae, stage, warn } = options;
    if (cache === null) return new Latents(options, options.examples, undefined);
    const { resolution, transform } = stage;
    const made = [stateHash(vae), resolution, transform.resample].join("/");
    const name = createHash("sha256").update(made).digest("hex").slice(0, 16);
    const store = await FeatureStore.open(join(cache, `latents-${name}`), warn);
    const unreadable = new Map<Example, string>();
    const readable = (): Example[] => options.examples.filter((each) => !unreadable.has(each));
    const filling = new Latents(options, [], store);
    await mapConcurrent(options.examples, DECODED_AT_ONCE, async (example) => {
      try {
        await filling.#fill(store, example);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        unreadable.set(example, error.reason);
      }
    });
    await store.flush();
    requireReadable(unreadable, options);
    for (const [{ path }, reason] of unreadable) warn(`${path} is left out: ${reason}`);
    const latents = new Latents(options, readable(), store);
    for (const [example, known] of filling.#known) latents.#known.set(example, known);
    return latents;
  }

  /** Learns what holds for all sights of a picture, and encodes those that the store lacks. */
  async #fill(store: FeatureStore, example: Example): Promise<void> {
    const { horizontalFlip, crop } = this.#options.stage.transform;
    const bytes = await example.read();
    const content = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    const originalSize = await pictureSize(bytes, example.path);
    const hasOneCrop = crop === "center" || isSquare(originalSize);
    this.#known.set(example, { content, originalSize, hasOneCrop });
    const sides = horizontalFlip > 0 ? [false, true] : [false];
    const missing = sides.filter((mirrored) => !store.has(keyOf(content, mirrored, "mean")));
    if (!hasOneCrop || missing.length === 0) return;
    const image = await RgbImage.decode(bytes, { name: example.path });
    for (const mirrored of missing) {
      const square = await this.#square(image, "center", mirrored);
      await this.#encode(square, (mean, std) =>
        store.put(
          new Map([
            [keyOf(content, mirrored, "mean"), mean],
            [keyOf(content, mirrored, "std"), std],
          ]),
        ),
      );
    }
  }

  async #encode<T>(square: RgbImage, use: (mean: Tensor, std: Tensor) => Promise<T>): Promise<T> {
    const [mean, std] = this.#moments(square);
    try {
      return await use(mean, std);
    } finally {
      mean.dispose();
      std.dispose();
    }
  }

  /** (1, C, h, w) each. */
  #moments(square: RgbImage): [mean: Tensor, std: Tensor] {
    return torch.noGrad(() =>
      torch.tidy((): [Tensor, Tensor] => {
        const { dtype, device } = this.#options.vae;
        const { mean, logvar } = this.#options.vae.encode(pixelsOf([square]).to({ dtype, device }));
        return [mean.contiguous(), logvar.mul(0.5).exp()];
      }),
    );
  }

  #square(image: RgbImage, place: CropPlace, mirrored: boolean): Promise<RgbImage> {
    const { resolution, transform } = this.#options.stage;
    const kernel = KERNELS[transform.resample];
    return squarePicture(image, { side: resolution, kernel, place, mirrored });
  }

  /** (C, h, w) of one latent. */
  get shape(): number[] {
    const { vae, stage } = this.#options;
    const side = stage.resolution / 2 ** (vae.config.blockOutChannels.length - 1);
    return [vae.config.latentChannels, side, side];
  }

  /** Draws how each picture is seen, and loads what its latents are made of. */
  async load(ids: readonly number[], draws: SampleDraws): Promise<LoadedPicture[]> {
    const { horizontalFlip, crop } = this.#options.stage.transform;
    // What a transform does not need is not drawn: the numbers after it stay the same.
    const flips = horizontalFlip > 0 ? draws.uniform().map((u) => u < horizontalFlip) : [];
    const places = crop === "random" ? draws.uniform() : [];
    const seen = ids.map((id, i): Seen => {
      const example = this.examples[id];
      if (example === undefined) throw new RangeError(`Expected an example ${id}`);
      return { example, place: places[i] ?? "center", mirrored: flips[i] ?? false };
    });
    return mapConcurrent(seen, DECODED_AT_ONCE, (each) => this.#loadOne(each));
  }

  async #loadOne({ example, place, mirrored }: Seen): Promise<LoadedPicture> {
    const known = this.#known.get(example);
    if (known?.hasOneCrop) {
      return { key: keyOf(known.content, mirrored, ""), originalSize: known.originalSize };
    }
    const image = await RgbImage.decode(await example.read(), { name: example.path });
    return { pixels: await this.#square(image, place, mirrored), originalSize: image };
  }

  /** Latents (B, C, h, w) of loaded pictures, as the diffusion model takes them, drawn with `noise` of the same shape. */
  draw(pictures: readonly LoadedPicture[], noise: Tensor): Tensor {
    return torch.noGrad(() =>
      torch.tidy(() => {
        const moments = pictures.map((picture): [Tensor, Tensor] =>
          "pixels" in picture
            ? this.#moments(picture.pixels)
            : [this.#cached(`${picture.key}mean`), this.#cached(`${picture.key}std`)],
        );
        const mean = torch.cat(moments.map(([m]) => m)).float();
        const std = torch.cat(moments.map(([, s]) => s)).float();
        return this.#options.vae.toDiffusion(mean.add(std.mul(noise)));
      }),
    );
  }

  #cached(key: string): Tensor {
    if (this.#store === undefined) throw new Error("Expected latents that are cached");
    return this.#store.get(key);
  }

  dispose(): void {
    this.#store?.dispose();
  }
}

function requireReadable(
  unreadable: ReadonlyMap<Example, string>,
  { examples, maxUnreadable }: LatentsOptions,
): void {
  if (unreadable.size <= maxUnreadable * examples.length) return;
  const list = [...unreadable].map(([{ path }, reason]) => ({ path, reason }));
  throw new UnreadablePicturesError(list, examples.length, maxUnreadable);
}

const keyOf = (content: string, mirrored: boolean, part: string): string =>
  `${content}${mirrored ? ".mirrored" : ""}.${part}`;
