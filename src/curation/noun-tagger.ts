import model from "wink-eng-lite-web-model";
import winkNLP from "wink-nlp";

/** The words of a caption; every occurrence, in lower case. */
export interface TaggedCaption {
  /** Tokens that are words, not numbers or punctuation. */
  readonly words: readonly string[];
  /** The words that are nouns, including proper nouns, like NLTK's tags that begin with NN. */
  readonly nouns: readonly string[];
}

/**
 * Finds the nouns in English captions by wink-nlp's part-of-speech tagger. Takes 0.1 s to create, and keeps its model in memory.
 */
export class NounTagger {
  readonly #nlp = winkNLP(model, ["sbd", "pos"]);

  /** Tags one caption. */
  tag(caption: string): TaggedCaption {
    const { its } = this.#nlp;
    const tokens = this.#nlp.readDoc(caption).tokens();
    const values = tokens.out();
    const types = tokens.out(its.type) as readonly string[];
    const tags = tokens.out(its.pos) as readonly string[];
    const words: string[] = [];
    const nouns: string[] = [];
    for (const [i, value] of values.entries()) {
      if (types[i] !== "word") continue;
      const word = value.toLowerCase();
      words.push(word);
      if (tags[i] === "NOUN" || tags[i] === "PROPN") nouns.push(word);
    }
    return { words, nouns };
  }
}
