import type { CollectedFeatures } from "./collected-features.ts";
import { type Label, type RetrievalResult, retrieval } from "./distances/retrieval.ts";
import { centred } from "./networks/content-features.ts";

/** The features by which pictures are compared. */
type ComparedFeatures = Pick<CollectedFeatures, "pixels" | "content">;

/** How often the nearest real pictures are the right ones, by kind of feature. */
export interface NearestRates {
  /** Layout and colours. */
  readonly pixels: RetrievalResult;
  /** Content; undefined without a network. */
  readonly content: RetrievalResult | undefined;
  /** Both, with equal weight. */
  readonly combined: RetrievalResult | undefined;
}

/** Finds the nearest real pictures. */
export class NearestPictures {
  readonly #labels: readonly Label[];
  readonly #features: ComparedFeatures;
  readonly #centred: ComparedFeatures;

  constructor(labels: readonly Label[], features: ComparedFeatures) {
    this.#labels = labels;
    this.#features = features;
    this.#centred = this.#centre(features);
  }

  /** @param labels what each picture should show */
  rates(labels: readonly Label[], features: ComparedFeatures): NearestRates {
    const [own, known] = [this.#centre(features), this.#centred];
    const found = (
      rows: readonly Float32Array[] | undefined,
      references: readonly Float32Array[] | undefined,
    ): RetrievalResult | undefined =>
      rows && references && retrieval({ labels, rows }, { labels: this.#labels, rows: references });
    return {
      pixels: retrieval(
        { labels, rows: features.pixels },
        { labels: this.#labels, rows: this.#features.pixels },
      ),
      content: found(own.content, known.content),
      combined: found(joined(own), joined(known)),
    };
  }

  /** Rows of length 1, centred on the mean of the real pictures. */
  #centre({ pixels, content }: ComparedFeatures): ComparedFeatures {
    return {
      pixels: centred(pixels, this.#features.pixels),
      content: content && centred(content, this.#features.content ?? content),
    };
  }
}

/** Concatenates the rows of both kinds: their squared distance is the sum of both. */
function joined({ pixels, content }: ComparedFeatures): Float32Array[] | undefined {
  return content?.map((row, i) => {
    const layout = pixels[i] as Float32Array;
    const both = new Float32Array(layout.length + row.length);
    both.set(layout);
    both.set(row, layout.length);
    return both;
  });
}
