import { beforeAll, describe, expect, it } from "vitest";
import { emojiCaptions } from "../../../test/fixtures/emoji-captions.ts";
import { prepareCaption } from "../captions/captions.ts";
import { type Piece, segment } from "./unigram.ts";
import { trainUnigram } from "./unigram-trainer.ts";

const specialTokens = ["<pad>", "</s>", "<unk>"];
const options = { vocabSize: 2048, specialTokens };

function scoresOf(pieces: readonly Piece[]): Map<string, number> {
  return new Map(pieces.slice(specialTokens.length));
}

describe("trainUnigram", () => {
  const captions = emojiCaptions().slice(0, 13_000).map(prepareCaption);
  let pieces: Piece[] = [];
  let seconds = 0;

  beforeAll(() => {
    const start = performance.now();
    pieces = trainUnigram(captions, options);
    seconds = (performance.now() - start) / 1000;
  });

  it("fills the vocabulary from 13,000 captions within 20 seconds", () => {
    expect(captions).toHaveLength(13_000);
    expect(pieces).toHaveLength(2048);
    expect(new Set(pieces.map(([text]) => text)).size).toBe(2048);
    expect(seconds).toBeLessThan(20);
  });

  it("begins with the special tokens, then has the likeliest pieces first", () => {
    expect(pieces.slice(0, 3)).toEqual(specialTokens.map((token) => [token, 0]));
    const scores = pieces.slice(3).map(([, score]) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it("gives probabilities that sum to about one", () => {
    const total = [...scoresOf(pieces).values()].reduce((sum, score) => sum + Math.exp(score), 0);
    expect(total).toBeGreaterThan(0.97); // the sparse prior takes a little from every piece
    expect(total).toBeLessThan(1.0001);
  });

  it("keeps every character and the start of a word", () => {
    const vocabulary = scoresOf(pieces);
    const characters = new Set(captions.join("").replaceAll(/\s/gu, ""));
    expect([...characters, "▁"].filter((character) => !vocabulary.has(character))).toEqual([]);
  });

  it("has whole frequent words, and no piece that mixes letters with signs", () => {
    const vocabulary = scoresOf(pieces);
    const words = ["▁emoji", "▁picture", "▁face", "▁woman", "▁16"];
    expect(words.filter((word) => !vocabulary.has(word))).toEqual([]);
    expect([...vocabulary.keys()].filter((piece) => /\p{L}[^\p{L}\p{M}]/u.test(piece))).toEqual([]);
    expect([...vocabulary.keys()].filter((piece) => piece.lastIndexOf("▁") > 0)).toEqual([]);
  });

  it("segments its texts far shorter than characters do", () => {
    const model = { scores: scoresOf(pieces), unknownScore: -100, longestPiece: 16 };
    const words = captions
      .flatMap((caption) => caption.split(/\s+/u))
      .filter((word) => word !== "");
    const used = words.reduce((sum, word) => sum + segment(`▁${word}`, model).length, 0);
    expect(used / words.length).toBeLessThan(2);
  });

  it("gives the same vocabulary again, and for the captions in another order", () => {
    expect(trainUnigram(captions, options)).toEqual(pieces);
    expect(trainUnigram(captions.toReversed(), options)).toEqual(pieces);
  });

  it("finds the pieces that texts were put together from", () => {
    const texts = ["fox", "owl", "cat", "hen"].flatMap((first) =>
      ["hill", "moon", "tree", "pond"].map((second) => first + second),
    );
    const found = scoresOf(trainUnigram(texts, { vocabSize: 35, specialTokens }));
    const parts = ["▁fox", "▁owl", "▁cat", "▁hen", "hill", "moon", "tree", "pond"];
    expect(parts.filter((part) => !found.has(part))).toEqual([]);
  });

  it("returns fewer entries where the texts offer no more", () => {
    const found = trainUnigram(["ab"], { vocabSize: 100, specialTokens });
    expect(found.map(([text]) => text)).toEqual([...specialTokens, "a", "b", "▁"]);
  });

  it("makes no piece of a special token, of ▁ in the text or of half a surrogate pair", () => {
    const texts = ["a<pad>b</s> x▁y", "a<pad>b</s> \ud800"];
    const found = scoresOf(trainUnigram(texts, { vocabSize: 100, specialTokens }));
    expect([...found.keys()].sort()).toEqual(["a", "b", "x", "y", "▁", "▁a", "▁b", "\ufffd"]);
  });

  it("takes a megabyte without white space for its characters only", () => {
    const found = scoresOf(
      trainUnigram(["xyz".repeat(400_000)], { vocabSize: 100, specialTokens }),
    );
    expect([...found.keys()].sort()).toEqual(["x", "y", "z", "▁"]);
  });

  it("refuses a vocabulary too small for the characters", () => {
    expect(() => trainUnigram(["abc"], { vocabSize: 6, specialTokens })).toThrow(
      "Expected an integer of at least 7 (3 special tokens and the 4 characters of the texts) for vocabSize but received 6",
    );
    expect(() => trainUnigram(["abc"], { vocabSize: 7.5, specialTokens })).toThrow(
      /for vocabSize but received 7\.5$/,
    );
  });
});
