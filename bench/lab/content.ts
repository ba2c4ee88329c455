import { centred, contentFeatures } from "../../src/evaluation/content-features.ts";
import { EfficientNetLite } from "../../src/evaluation/efficientnet-lite.ts";
import { type Label, type LabelledImage, retrievalByRows } from "../../src/evaluation/retrieval.ts";
import type { RgbImage } from "../../src/images/index.ts";

const imagesOf = (pictures: readonly LabelledImage[]): RgbImage[] =>
  pictures.map(({ image }) => image);

/** Whether drawn pictures show the thing, by what a network sees. */
export class ContentMeasure {
  readonly #network: EfficientNetLite;
  readonly #references: readonly LabelledImage[];
  /** Of the references, as the network gives them. */
  readonly #raw: readonly Float32Array[];

  private constructor(
    network: EfficientNetLite,
    references: readonly LabelledImage[],
    raw: readonly Float32Array[],
  ) {
    this.#network = network;
    this.#references = references;
    this.#raw = raw;
  }

  /** @param file the network's weights */
  static async open(file: string, references: readonly LabelledImage[]): Promise<ContentMeasure> {
    const network = EfficientNetLite.fromFile(file);
    const raw = await contentFeatures(network, imagesOf(references));
    return new ContentMeasure(network, references, raw);
  }

  /** Share of pictures that are nearest to a reference of their thing. */
  async rate(drawn: readonly RgbImage[], labels: readonly Label[]): Promise<number> {
    const own = await contentFeatures(this.#network, drawn);
    const rows = centred(own, this.#raw);
    const known = { labels: this.#references, rows: centred(this.#raw, this.#raw) };
    return retrievalByRows({ labels, rows }, known).thingRate;
  }
}
