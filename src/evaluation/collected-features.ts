import type { RgbImage } from "../images/index.ts";
import { averagedDown } from "./distances/averaged-down.ts";
import { contentFeatures } from "./networks/content-features.ts";
import type { EfficientNetLite } from "./networks/efficientnet-lite.ts";
import { type InceptionV3, inceptionFeatures } from "./networks/inception-v3.ts";

/** The networks that see pictures, where there are some. */
export interface PictureNetworks {
  /** What is in pictures, small ones too. */
  readonly content?: EfficientNetLite | undefined;
  /** What FID and KID are defined by. */
  readonly inception?: InceptionV3 | undefined;
}

/** Pictures as rows of numbers, of each network that there is. */
export interface CollectedFeatures {
  /** 16x16 RGB: what is where. */
  readonly pixels: readonly Float32Array[];
  readonly content: readonly Float32Array[] | undefined;
  readonly inception: readonly Float32Array[] | undefined;
}

/** Features of pictures that come some at a time, and need not be kept. */
export class FeatureCollector {
  readonly #networks: PictureNetworks;
  readonly #pixels: Float32Array[] = [];
  readonly #content: Float32Array[] = [];
  readonly #inception: Float32Array[] = [];

  constructor(networks: PictureNetworks = {}) {
    this.#networks = networks;
  }

  async add(images: readonly RgbImage[]): Promise<void> {
    const { content, inception } = this.#networks;
    this.#pixels.push(...images.map(averagedDown));
    if (content !== undefined) this.#content.push(...(await contentFeatures(content, images)));
    if (inception !== undefined)
      this.#inception.push(...(await inceptionFeatures(inception, images)));
  }

  get features(): CollectedFeatures {
    const { content, inception } = this.#networks;
    return {
      pixels: this.#pixels,
      content: content && this.#content,
      inception: inception && this.#inception,
    };
  }
}
