import { setImmediate as turn } from "node:timers/promises";
import type { Dataset } from "../data/dataset.ts";
import { NounTagger } from "./noun-tagger.ts";

/** Concept density of captions: the columns of the paper's Table 1 (2310.00426), and the counts behind them. */
export interface ConceptDensity {
  readonly captions: number;
  readonly words: number;
  /** Distinct words. */
  readonly vocabulary: number;
  /** Every occurrence of a noun: "Total Noun". */
  readonly nouns: number;
  /** "DN": "dogs" and "dog" count as two, as in a tagger's output. */
  readonly distinctNouns: number;
  /** "VN": distinct nouns that occur more than 10 times. */
  readonly validNouns: number;
  /** "VN/DN"; 0 without nouns. */
  readonly validShare: number;
  /** "Average": nouns per caption. */
  readonly nounsPerCaption: number;
  readonly wordsPerCaption: number;
  /** Number of captions with i nouns, by i. */
  readonly histogram: readonly number[];
  /** The most frequent nouns and their occurrences. */
  readonly frequentNouns: readonly (readonly [string, number])[];
}

/** For raw captions and, if there are any, dense ones. */
export interface CaptionStatistics {
  readonly location: string;
  readonly layout: Dataset["layout"];
  readonly pictures: number;
  readonly raw: ConceptDensity;
  readonly dense: ConceptDensity | null;
}

/** The paper's "appearing more than 10 times". */
const VALID_ABOVE = 10;
const FREQUENT = 20;

/** Counts the nouns of captions one by one; it stores each distinct word once, and no captions. */
export class ConceptCounter {
  readonly #words = new Set<string>();
  readonly #nouns = new Map<string, number>();
  readonly #histogram: number[] = [];
  readonly #tagger: NounTagger;
  #captions = 0;
  #wordCount = 0;
  #nounCount = 0;

  constructor(tagger: NounTagger) {
    this.#tagger = tagger;
  }

  add(caption: string): void {
    const { words, nouns } = this.#tagger.tag(caption);
    for (const word of words) this.#words.add(word);
    for (const noun of nouns) this.#nouns.set(noun, (this.#nouns.get(noun) ?? 0) + 1);
    while (this.#histogram.length <= nouns.length) this.#histogram.push(0);
    this.#histogram[nouns.length] = (this.#histogram[nouns.length] ?? 0) + 1;
    this.#captions += 1;
    this.#wordCount += words.length;
    this.#nounCount += nouns.length;
  }

  density(): ConceptDensity {
    const counts = [...this.#nouns];
    const validNouns = counts.filter(([, count]) => count > VALID_ABOVE).length;
    const perCaption = (count: number): number => count / Math.max(1, this.#captions);
    return {
      captions: this.#captions,
      words: this.#wordCount,
      vocabulary: this.#words.size,
      nouns: this.#nounCount,
      distinctNouns: counts.length,
      validNouns,
      validShare: validNouns / Math.max(1, counts.length),
      nounsPerCaption: perCaption(this.#nounCount),
      wordsPerCaption: perCaption(this.#wordCount),
      histogram: [...this.#histogram],
      frequentNouns: counts.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, FREQUENT),
    };
  }
}

/** Number of captions between two turns of the event loop. */
const BETWEEN_TURNS = 200;

/** Counts the nouns of a data set's captions: of `text`, and of `dense_text` for pictures that have one. */
export async function captionStatistics(
  dataset: Dataset,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<CaptionStatistics> {
  const tagger = new NounTagger();
  const raw = new ConceptCounter(tagger);
  const dense = new ConceptCounter(tagger);
  const { entries, location, layout } = dataset;
  for (const [index, { text, columns }] of entries.entries()) {
    raw.add(text);
    if (typeof columns.dense_text === "string") dense.add(columns.dense_text);
    if ((index + 1) % BETWEEN_TURNS !== 0) continue;
    onProgress(index + 1, entries.length);
    await turn();
  }
  const described = dense.density();
  return {
    location,
    layout,
    pictures: entries.length,
    raw: raw.density(),
    dense: described.captions > 0 ? described : null,
  };
}
