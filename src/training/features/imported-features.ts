import type { ParsedConfig } from "../../config/index.ts";
import { FeatureFiles } from "../../data/feature-files.ts";
import { readCaptionFeature, readLatentFeature } from "../../data/pixart-features.ts";
import { InvalidValueError } from "../../errors/index.ts";
import type { DType, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { Example, TrainingData } from "../dataset/training-data.ts";
import { holdsTextEncoder, trainsTextEncoder } from "../models/models.ts";
import type { Moments } from "./latent-store.ts";

/** Folders of features that PixArt's tools computed for a data set; anything missing is encoded. */
export interface FeatureFolders {
  /** Features of its captions (`.npz`). */
  readonly captionFeatures?: string | undefined;
  /** Features of its long captions, Σ's `sharegpt4v` (`.npz`). */
  readonly denseCaptionFeatures?: string | undefined;
  /** Features of its pictures (`.npy`). */
  readonly latentFeatures?: string | undefined;
}

/** Data with imported features; class pictures have none. */
type Featured = Pick<TrainingData, "train" | "heldout" | "dataset">;

const picturesOf = ({ dataset }: Featured): string[] => dataset.entries.map(({ file }) => file);

/** Options of {@link ImportedCaptions}. */
export interface ImportedCaptionsOptions {
  /** Prepares a caption for encoding. */
  readonly prepare: (caption: string) => string;
  /** Width of the text encoder's states. */
  readonly width: number;
  readonly dtype: DType;
}

/** Captions encoded by PixArt's tools, looked up by the picture they belong to. */
export class ImportedCaptions {
  readonly #sources: readonly {
    readonly files: FeatureFiles;
    /** Pictures by prepared caption. */
    readonly pictures: ReadonlyMap<string, ReadonlySet<string>>;
  }[];
  readonly #options: ImportedCaptionsOptions;

  constructor(folders: FeatureFolders, data: Featured, options: ImportedCaptionsOptions) {
    const sources = [
      { folder: folders.captionFeatures, captionOf: (e: Example) => e.shortCaption },
      { folder: folders.denseCaptionFeatures, captionOf: (e: Example) => e.denseCaption },
    ];
    this.#options = options;
    this.#sources = sources.flatMap(({ folder, captionOf }) => {
      if (folder === undefined) return [];
      const pictures = new Map<string, Set<string>>();
      for (const example of [...data.train, ...data.heldout]) {
        const text = options.prepare(captionOf(example));
        pictures.set(text, (pictures.get(text) ?? new Set<string>()).add(example.file));
      }
      return [{ files: new FeatureFiles(folder, ".npz", picturesOf(data)), pictures }];
    });
  }

  /** States (1, L, D) of a prepared text of L tokens; undefined if no file matches. */
  take(text: string, tokens: number): Tensor | undefined {
    const { width, dtype } = this.#options;
    for (const { files, pictures } of this.#sources) {
      for (const picture of pictures.get(text) ?? []) {
        const states = files.take(picture, (path) =>
          readCaptionFeature(path, { width, tokens, dtype }),
        );
        if (states !== undefined) return states;
      }
    }
    return undefined;
  }

  /** Summary for the user. */
  report(): string[] {
    return this.#sources.flatMap(({ files }) => files.report());
  }
}

/**
 * Measured with the two autoencoders of models/ on four pictures: different resizing kernels differ by 0.01 to 0.04, a side
 * stretched by 3 %, as by PixArt's tool for several aspect ratios, by 0.27 to 0.43, and the two autoencoders by 0.73 to 1.44.
 */
const SUSPICIOUS = 0.5;

/** Pictures encoded by PixArt's tools. The first match is compared with the output of the run's own autoencoder. */
export class ImportedLatents {
  readonly #files: FeatureFiles | undefined;
  readonly #dtype: DType;
  readonly #featured: ReadonlySet<Example>;
  #isCompared = false;
  #comparison: string[] = [];

  constructor(
    { latentFeatures: folder }: FeatureFolders,
    data: Featured,
    { dtype }: { readonly dtype: DType },
  ) {
    this.#files =
      folder === undefined ? folder : new FeatureFiles(folder, ".npy", picturesOf(data));
    this.#dtype = dtype;
    this.#featured = new Set([...data.train, ...data.heldout]);
  }

  /** Moments of a picture whose latent has this shape (C, h, w); undefined if no file matches. */
  async take(
    example: Example,
    shape: readonly number[],
    encode: () => Promise<Moments>,
  ): Promise<Moments | undefined> {
    if (!this.#featured.has(example)) return undefined;
    const moments = this.#files?.take(example.file, (path) =>
      readLatentFeature(path, { shape, dtype: this.#dtype }),
    );
    if (moments === undefined || this.#isCompared) return moments;
    this.#isCompared = true;
    this.#compare(example, moments, await encode());
    return moments;
  }

  #compare({ file }: Example, [mean]: Moments, own: Moments): void {
    const distance = distanceOf(mean, own[0]);
    for (const each of own) each.dispose();
    const share = `${Number((100 * distance).toPrecision(2))} %`;
    this.#comparison = [
      `  the mean of ${file} is ${share} of its spread away from what the autoencoder makes here`,
      ...(distance > SUSPICIOUS
        ? [
            "  Warning: that is more than another way of resizing would explain. In the config, name the autoencoder that made the files, or remove what was put into the cache",
          ]
        : []),
    ];
  }

  /** Summary for the user. */
  report(): string[] {
    return [...(this.#files?.report() ?? []), ...this.#comparison];
  }
}

/** Root mean square difference of two latents, relative to the standard deviation of the second. */
const distanceOf = (latent: Tensor, other: Tensor): number =>
  torch.tidy(() => {
    const rms = (values: Tensor): number => values.square().mean().sqrt().item();
    const own = other.float().to({ device: latent.device });
    return rms(latent.float().sub(own)) / rms(own.sub(own.mean()));
  });

/** Throws if features are given that no run of this config would read. */
export function requireUse(
  config: ParsedConfig,
  { captionFeatures, denseCaptionFeatures, latentFeatures }: FeatureFolders,
): void {
  if (latentFeatures !== undefined && !config.dataset.cache.latents) {
    throw new InvalidValueError(
      "Expected a config that caches latents for --latent-features but its dataset.cache.latents is false",
    );
  }
  const unused = whyCaptionsAreUnused(config);
  const option = captionFeatures === undefined ? "--dense-caption-features" : "--caption-features";
  if ((captionFeatures ?? denseCaptionFeatures) !== undefined && unused !== undefined)
    throw new InvalidValueError(
      `Expected a config that caches captions for ${option} but ${unused}`,
    );
}

function whyCaptionsAreUnused(config: ParsedConfig): string | undefined {
  if (!config.dataset.cache.texts) return "its dataset.cache.texts is false";
  if (holdsTextEncoder(config)) return "it trains its text encoder";
  const stages = config.stages.filter((stage) => stage.kind === "text-to-image");
  if (stages.length === 0) return "none of its stages reads captions";
  return stages.every(trainsTextEncoder)
    ? "each of its stages trains an adapter on the text encoder"
    : undefined;
}
