import type { ResolvedStage } from "../../config/index.ts";
import type { Bucket } from "../../data/buckets.ts";
import { coverPicture } from "../../data/cover-picture.ts";
import { InternalError } from "../../errors/index.ts";
import { type CropPlace, type ResizeKernel, RgbImage, sobelEdges } from "../../images/index.ts";
import { contentHash } from "./content-hash.ts";
import { contentSize } from "./content-size.ts";
import type { Example } from "./training-data.ts";

const KERNELS: Readonly<Record<ResolvedStage["transform"]["resample"], ResizeKernel>> = {
  bilinear: "linear",
  bicubic: "cubic",
  lanczos: "lanczos3",
};

/** What a ControlNet sees of a picture: the given control picture or the picture's own edges. */
export type Condition = NonNullable<ResolvedStage<"text-to-image">["controlnet"]>["condition"];

/** Height and width of a picture as stored in its file. */
export interface OriginalSize {
  readonly height: number;
  readonly width: number;
}

/** How a picture, or its control picture, is resized and cropped. */
export interface Crop {
  readonly bucket: Bucket;
  readonly place: CropPlace;
  readonly mirrored: boolean;
}

/** What identifies the features of a file. */
export interface KnownSource {
  /** Start of their keys. */
  readonly key: string;
  /** Size of the picture that the file is or belongs to. */
  readonly originalSize: OriginalSize;
}

/** A file to encode. */
export interface SourceFile extends Pick<KnownSource, "originalSize"> {
  /** Start of the keys of its features. */
  key(): string;
  /** Throws ImageError naming the file. */
  decode(): Promise<RgbImage>;
}

/** The pixels to encode for a stage's pictures: their own, or what a ControlNet sees of them. */
export class PictureSource {
  readonly #kernel: ResizeKernel;
  readonly #condition: Condition | undefined;

  constructor({ transform }: Pick<ResolvedStage, "transform">, condition: Condition | undefined) {
    this.#kernel = KERNELS[transform.resample];
    this.#condition = condition;
  }

  /** What is known of a file without reading it; undefined if it has to be read. Throws ImageError naming the file. */
  async known(example: Example): Promise<KnownSource | undefined> {
    const isGiven = this.#condition === "given";
    const content = await (isGiven ? controlOf(example) : example).known?.();
    if (content === undefined) return undefined;
    const originalSize = isGiven ? await example.size() : content.size;
    return { key: this.#keyOf(content.hash, originalSize), originalSize };
  }

  /** Throws ImageError naming the file. */
  async read(example: Example): Promise<SourceFile> {
    const isGiven = this.#condition === "given";
    const source = isGiven ? controlOf(example) : example;
    const { path } = source;
    const bytes = await source.read();
    const originalSize = isGiven ? await example.size() : await contentSize(bytes, path);
    return {
      key: () => this.#keyOf(contentHash(bytes), originalSize),
      originalSize,
      decode: () => RgbImage.decode(bytes, { name: path }),
    };
  }

  #keyOf(hash: string, { width, height }: OriginalSize): string {
    if (this.#condition === undefined) return hash;
    return this.#condition === "edges" ? `${hash}.edges` : `${hash}.over-${width}x${height}`;
  }

  /** Resizes and crops the result of {@link SourceFile.decode} to its bucket, exactly like the picture itself. */
  async crop(
    image: RgbImage,
    { originalSize: over }: Pick<SourceFile, "originalSize">,
    { bucket: { width, height }, place, mirrored }: Crop,
  ): Promise<RgbImage> {
    const kernel = this.#kernel;
    const covered = await coverPicture(image, { width, height, kernel, place, mirrored, over });
    return this.#condition === "edges" ? sobelEdges(covered) : covered;
  }
}

function controlOf({ path, control }: Example): NonNullable<Example["control"]> {
  if (control === undefined) throw new InternalError(`Expected a control picture for ${path}`);
  return control;
}
