import { setImmediate as turn } from "node:timers/promises";
import type { Dataset } from "../data/dataset.ts";
import { NounTagger } from "./noun-tagger.ts";

/** How much captions say: the columns of the paper's Table 1 (2310.00426), and what they are made of. */
export interface ConceptDensity {
  readonly captions: number;
  readonly words: number;
  /** Distinct words. */
  readonly vocabulary: number;
  /** Every occurrence of a noun: "Total Noun". */
  readonly nouns: number;
  /** "DN": dogs and dog are two, as a tagger counts them. */
  readonly distinctNouns: number;
  /** "VN": distinct nouns that occur more than 10 times. */
  readonly validNouns: number;
  /** "VN/DN"; 0 without nouns. */
  readonly validShare: number;
  /** "Average": nouns per caption. */
  readonly nounsPerCaption: number;
  readonly wordsPerCaption: number;
  /** How many captions have i nouns. */
  readonly histogram: readonly number[];
  /** The most frequent nouns and their occurrences. */
  readonly frequentNouns: readonly (readonly [string, number])[];
}

/** Raw captions and, where there are some, dense ones. */
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

/** Counts the nouns of captions that come one by one; it holds each distinct word once, and no caption. */
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

/** So many captions, and the event loop gets a turn. */
const BETWEEN_TURNS = 200;

/** Counts the nouns of a data set's captions: of `text`, and of `dense_text` where a picture has it. */
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
