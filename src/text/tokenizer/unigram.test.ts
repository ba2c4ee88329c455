import { describe, expect, it } from "vitest";
import { codePointOffsets, segment, type UnigramModel } from "./unigram.ts";

function model(scores: Record<string, number>): UnigramModel {
  return { scores: new Map(Object.entries(scores)), unknownScore: -100, longestPiece: 4 };
}

describe("segment", () => {
  it("takes the likeliest pieces, not the longest", () => {
    expect(segment("abcd", model({ abc: -9, d: -9, ab: -2, cd: -2 }))).toEqual(["ab", "cd"]);
  });

  it("gives a tie to the longer last piece", () => {
    expect(segment("abc", model({ a: -1, bc: -1, ab: -1, c: -1 }))).toEqual(["a", "bc"]);
  });

  it("returns unknown characters one by one, pairs of surrogates whole", () => {
    expect(segment("a🦊🦊\ud83d", model({ a: -1 }))).toEqual(["a", "🦊", "🦊", "\ud83d"]);
  });

  it("prefers any piece to an unknown character", () => {
    expect(segment("ab", model({ ab: -50, a: -1 }))).toEqual(["ab"]);
  });

  it("does without the excluded piece", () => {
    expect(segment("ab", model({ ab: -1, a: -5, b: -5 }), "ab")).toEqual(["a", "b"]);
  });

  it("has nothing for an empty word", () => {
    expect(segment("", model({ a: -1 }))).toEqual([]);
  });

  it("takes a word of a megabyte", () => {
    const pieces = segment("ab".repeat(500_000), model({ ab: -1, a: -5, b: -5 }));
    expect(pieces).toHaveLength(500_000);
  });
});

describe("codePointOffsets", () => {
  it("steps over surrogate pairs", () => {
    expect(codePointOffsets("a🦊b")).toEqual([0, 1, 3, 4]);
  });
});
