import type { ParsedConfig } from "../../config/index.ts";
import { FeatureFiles } from "../../data/feature-files.ts";
import { readCaptionFeature, readLatentFeature } from "../../data/pixart-features.ts";
import { InvalidValueError } from "../../errors/index.ts";
import type { DType, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { Example, TrainingData } from "../dataset/training-data.ts";
import { holdsTextEncoder, trainsTextEncoder } from "../models/models.ts";
import type { Moments } from "./latent-store.ts";

/** Folders of features that PixArt's tools made of a data set; what is not named is encoded. */
export interface FeatureFolders {
  /** Of its captions (`.npz`). */
  readonly captionFeatures?: string | undefined;
  /** Of its long captions, Σ's `sharegpt4v` (`.npz`). */
  readonly denseCaptionFeatures?: string | undefined;
  /** Of its pictures (`.npy`). */
  readonly latentFeatures?: string | undefined;
}

/** Features of a data set's pictures; class pictures beside it have none. */
type Featured = Pick<TrainingData, "train" | "heldout" | "dataset">;

const picturesOf = ({ dataset }: Featured): string[] => dataset.entries.map(({ file }) => file);

/** What captions' features are for. */
export interface ImportedCaptionsOptions {
  /** A caption as it is encoded. */
  readonly prepare: (caption: string) => string;
  /** Of the text encoder's states. */
  readonly width: number;
  readonly dtype: DType;
}

/** Captions that PixArt's tools encoded, found by the picture that they belong to. */
export class ImportedCaptions {
  readonly #sources: readonly {
    readonly files: FeatureFiles;
    /** By prepared caption. */
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

  /** States (1, L, D) of a prepared text of L tokens; undefined where no file of it fits. */
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

  /** What came of it, for people. */
  report(): string[] {
    return this.#sources.flatMap(({ files }) => files.report());
  }
}

/**
 * Measured with the two autoencoders of models/ on four pictures: kernels of resizing differ by 0.01 to 0.04, a side that is
 * stretched by 3 %, as PixArt's tool for several aspect ratios does, by 0.27 to 0.43, the two autoencoders by 0.73 to 1.44.
 */
const SUSPICIOUS = 0.5;

/** Pictures that PixArt's tools encoded. The first that fits is compared with what the run's own autoencoder makes of it. */
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

  /** Moments of a picture whose latent has this shape (C, h, w); undefined where no file of it fits. */
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
            "  Warning: that is more than other ways of resizing make. Name the autoencoder that made the files in the config, or remove what was put into the cache",
          ]
        : []),
    ];
  }

  /** What came of it, for people. */
  report(): string[] {
    return [...(this.#files?.report() ?? []), ...this.#comparison];
  }
}

/** Root of the mean square of what a latent differs by from another, as a share of the other's deviation. */
const distanceOf = (latent: Tensor, other: Tensor): number =>
  torch.tidy(() => {
    const rms = (values: Tensor): number => values.square().mean().sqrt().item();
    const own = other.float().to({ device: latent.device });
    return rms(latent.float().sub(own)) / rms(own.sub(own.mean()));
  });

/** Throws where features are given that no run of this config would read. */
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
