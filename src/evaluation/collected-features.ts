import type { RgbImage } from "../images/index.ts";
import { averagedDown } from "./averaged-down.ts";
import { contentFeatures } from "./content-features.ts";
import type { EfficientNetLite } from "./efficientnet-lite.ts";

/** Pictures as rows of numbers: what is where in them, and what is in them. */
export interface CollectedFeatures {
  /** 16x16 RGB, a row a picture. */
  readonly pixels: readonly Float32Array[];
  /** What a network sees; undefined without one. */
  readonly content: readonly Float32Array[] | undefined;
}

/** Features of pictures that come some at a time, and need not be kept. */
export class FeatureCollector {
  readonly #network: EfficientNetLite | undefined;
  readonly #pixels: Float32Array[] = [];
  readonly #content: Float32Array[] = [];

  /** @param network what sees the content, where there is one */
  constructor(network: EfficientNetLite | undefined) {
    this.#network = network;
  }

  async add(images: readonly RgbImage[]): Promise<void> {
    this.#pixels.push(...images.map(averagedDown));
    if (this.#network !== undefined)
      this.#content.push(...(await contentFeatures(this.#network, images)));
  }

  get features(): CollectedFeatures {
    return {
      pixels: this.#pixels,
      content: this.#network === undefined ? undefined : this.#content,
    };
  }
}
