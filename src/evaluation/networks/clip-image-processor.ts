import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  countUpTo,
  type Field,
  type FieldsOf,
  flag,
  listOf,
  oneOf,
  positive,
} from "../../files/reading/config-fields.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { resolveModel } from "../../hub/index.ts";
import { type ResizeKernel, RgbImage } from "../../images/index.ts";
import { readOwnFields } from "../../models/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { type ConfigObject, readConfig } from "../../weights/index.ts";

// Shapes: H and W size in pixels.

/** A size in pixels, or that of the shorter side. */
type Size = number | Readonly<Record<string, unknown>>;

/** The content of `preprocessor_config.json`: transformers' fields in camelCase. */
interface Settings {
  readonly doResize: boolean;
  readonly size: Size;
  /** Pillow's number of a filter. */
  readonly resample: 0 | 1 | 2 | 3;
  readonly doCenterCrop: boolean;
  readonly cropSize: Size;
  readonly doRescale: boolean;
  readonly rescaleFactor: number;
  readonly doNormalize: boolean;
  readonly imageMean: readonly number[];
  readonly imageStd: readonly number[];
}

/** Longest side, in pixels, that a model may require; no released CLIP has a quarter of it. */
const MOST_SIDE = 4096;

const { accepts: isSide } = countUpTo(1, MOST_SIDE);

const hasSides = (value: unknown, ...keys: readonly string[]): boolean => {
  const sides = Object.entries(Object(value)).filter(([, side]) => side !== null);
  return sides.length === keys.length && keys.every((key) => isSide(Object(value)[key]));
};

const channels = (initial: readonly number[], accepts: (value: unknown) => boolean) => {
  const { accepts: isList, ...field } = listOf(initial, "3 numbers", accepts);
  const hasAll = (value: unknown): boolean => isList(value) && Object(value).length === 3;
  return { ...field, accepts: hasAll };
};

const size: Field<Size> = {
  initial: { shortest_edge: 224 },
  expected: `a side of at most ${MOST_SIDE} pixels, shortest_edge, or height and width`,
  accepts: (value) =>
    isSide(value) || hasSides(value, "shortest_edge") || hasSides(value, "height", "width"),
};

const fields: FieldsOf<Settings> = {
  doResize: flag(true),
  size,
  resample: oneOf(3, 0, 1, 2),
  doCenterCrop: flag(true),
  cropSize: {
    initial: 224,
    expected: `a side of at most ${MOST_SIDE} pixels, or height and width`,
    accepts: (value) => isSide(value) || hasSides(value, "height", "width"),
  },
  doRescale: flag(true),
  rescaleFactor: positive(1 / 255),
  doNormalize: flag(true),
  imageMean: channels([0.48145466, 0.4578275, 0.40821073], Number.isFinite),
  imageStd: channels([0.26862954, 0.26130258, 0.27577711], positive(1).accepts),
};

/** By Pillow's numbers. */
const KERNELS: readonly ResizeKernel[] = ["nearest", "lanczos3", "linear", "cubic"];

const FILE = "preprocessor_config.json";
/** The file of newer folders that has the same fields as `image_processor`. */
const NEWER_FILE = "processor_config.json";

/**
 * Prepares pictures for a CLIP: resized by Pillow's arithmetic until the shorter side fits, cropped to the middle and normalised
 * (transformers `CLIPImageProcessorPil`; its counterpart on torchvision resizes slightly differently).
 */
export class CLIPImageProcessor {
  readonly #settings: Settings;

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Reads `preprocessor_config.json`, or `processor_config.json`, of a folder or of a repository on the Hub. */
  static async fromPretrained(
    folderOrName: string,
    { revision }: { readonly revision?: string | undefined } = {},
  ): Promise<CLIPImageProcessor> {
    const files = [{ names: [FILE, NEWER_FILE] }];
    const folder = await resolveModel(folderOrName, { revision, files });
    const isOlder = existsSync(join(folder, FILE));
    const path = join(folder, isOlder ? FILE : NEWER_FILE);
    const json = readConfig(path);
    return new CLIPImageProcessor(
      readOwnFields(fields, isOlder ? json : imageProcessorOf(json, path), path),
    );
  }

  /** A picture at the size that the model takes. Areas that a smaller one does not fill are black. */
  async fit(image: RgbImage): Promise<RgbImage> {
    const { doResize, size, resample, doCenterCrop, cropSize } = this.#settings;
    const resized = doResize
      ? await image.resize(...sizeAfter(image, size), KERNELS[resample])
      : image;
    if (!doCenterCrop) return resized;
    const [width, height] = sidesOf(cropSize);
    return middleOf(resized, width, height);
  }

  /** Bytes (1, 3, H, W) → float32, normalised. */
  input(bytes: Tensor): Tensor {
    const { doRescale, rescaleFactor, doNormalize, imageMean, imageStd } = this.#settings;
    return torch.tidy(() => {
      const scaled = doRescale ? bytes.to({ dtype: "float64" }).mul(rescaleFactor) : bytes;
      if (!doNormalize) return scaled.float();
      const [mean, std] = [imageMean, imageStd].map((of) =>
        torch.tensor([...of]).reshape([3, 1, 1]),
      ) as [Tensor, Tensor];
      return scaled.float().sub(mean).div(std);
    });
  }
}

function imageProcessorOf(json: ConfigObject, path: string): ConfigObject {
  const { image_processor: found } = json;
  if (typeof found === "object" && found !== null && !Array.isArray(found))
    return found as ConfigObject;
  throw new BadFileError(path, "image_processor", "an object", quote(found));
}

/** Width and height from a size. */
function sidesOf(size: Size): [width: number, height: number] {
  if (typeof size === "number") return [size, size];
  return [Number(size.width), Number(size.height)];
}

/** Width and height after resizing. The longer side is rounded down. */
function sizeAfter({ width, height }: RgbImage, size: Size): [width: number, height: number] {
  const shorter = typeof size === "number" ? size : size.shortest_edge;
  if (typeof shorter !== "number") return sidesOf(size);
  const longer = Math.floor((shorter * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? [shorter, longer] : [longer, shorter];
}

/** The middle of a picture, surrounded by black if it is smaller. */
function middleOf(image: RgbImage, width: number, height: number): RgbImage {
  const cut = image.crop(
    Math.max(0, Math.floor((image.width - width) / 2)),
    Math.max(0, Math.floor((image.height - height) / 2)),
    Math.min(width, image.width),
    Math.min(height, image.height),
  );
  if (cut.width === width && cut.height === height) return cut;
  const padded = RgbImage.filled(width, height, [0, 0, 0]);
  const [left, top] = [Math.ceil((width - cut.width) / 2), Math.ceil((height - cut.height) / 2)];
  for (let row = 0; row < cut.height; row++) {
    const from = cut.data.subarray(row * cut.width * 3, (row + 1) * cut.width * 3);
    padded.data.set(from, ((top + row) * width + left) * 3);
  }
  return padded;
}
