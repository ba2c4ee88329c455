import type { RgbImage } from "../images/index.ts";
import { averagedDown } from "./distances/averaged-down.ts";
import { contentFeatures } from "./networks/content-features.ts";
import type { EfficientNetLite } from "./networks/efficientnet-lite.ts";
import { type InceptionV3, inceptionFeatures } from "./networks/inception-v3.ts";

/** The available networks for picture features. */
export interface PictureNetworks {
  /** For the content of pictures, including small ones. */
  readonly content?: EfficientNetLite | undefined;
  /** The network that FID and KID are defined by. */
  readonly inception?: InceptionV3 | undefined;
}

/** Pictures as rows of numbers, for each available network. */
export interface CollectedFeatures {
  /** 16x16 RGB: layout and colours. */
  readonly pixels: readonly Float32Array[];
  readonly content: readonly Float32Array[] | undefined;
  readonly inception: readonly Float32Array[] | undefined;
}

/** Collects features of pictures that arrive in parts and need not be kept. */
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
