import { describe, expect, it } from "vitest";
import { charsmapBlob } from "../../../test/fixtures/spiece-model.ts";
import { Charsmap } from "./charsmap.ts";
import { SentencePieceModel, type SentencePieceRules } from "./sentencepiece.ts";
import type { Piece } from "./unigram.ts";

const rules: SentencePieceRules = {
  charsmap: new Charsmap(charsmapBlob({ "\t": " ", "¨": " \u0308", "\u00ad": "", "①": "1" })),
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  userDefined: [],
};
const model = (pieces: Piece[], more: Partial<SentencePieceRules> = {}): SentencePieceModel =>
  new SentencePieceModel(pieces, { ...rules, ...more });
const normalize = (text: string, more?: Partial<SentencePieceRules>): string =>
  model([], more).normalize(text);

// The expected values are those of sentencepiece 0.2.3 for the same flags, or follow from the sum of the scores.
describe("SentencePieceModel.normalize", () => {
  it("puts one ▁ for every run of spaces, none at the end", () => {
    expect(normalize("  a \t b  ")).toBe("▁a▁b");
    expect(normalize("a\nb")).toBe("▁a\nb");
  });

  it("has nothing of a text without anything but space", () => {
    expect(["", " ", " \t ", "\u00ad", " \u00ad "].map((text) => normalize(text))).toEqual(
      new Array(5).fill(""),
    );
  });

  it("drops the space of a rule behind a space, and keeps it behind a letter", () => {
    expect(normalize("¨a ¨a¨")).toBe("▁\u0308a▁\u0308a▁\u0308");
  });

  it("keeps every space and adds none where the flags say so", () => {
    const raw = { addDummyPrefix: false, removeExtraWhitespaces: false };
    expect(normalize("  a \t b ", raw)).toBe("▁▁a▁▁▁b▁");
    expect(normalize("a ", { removeExtraWhitespaces: false })).toBe("▁a▁");
  });

  it("leaves ▁ of the text as it is, but at the end", () => {
    expect(normalize("▁a ▁ b▁ ▁")).toBe("▁▁a▁▁▁b");
  });

  it("reads half a surrogate pair as U+FFFD", () => {
    expect(normalize("a\ud800① \udc00🦊")).toBe("▁a\ufffd1▁\ufffd🦊");
  });

  it("does not look into user-defined pieces", () => {
    expect(normalize("①<①>①", { userDefined: ["<①>", "<"] })).toBe("▁1<①>1");
  });
});

describe("SentencePieceModel.split", () => {
  it("takes the likeliest pieces, across words too", () => {
    const pieces: Piece[] = [
      ["▁", -1],
      ["a", -5],
      ["b", -5],
      ["▁a", -2],
      ["a▁b", -3],
    ];
    expect(model(pieces).split("a b")).toEqual(["▁", "a▁b"]);
  });

  it("gives unknown characters one by one", () => {
    expect(model([["▁", -1]]).split("🦊x")).toEqual(["▁", "🦊", "x"]);
    expect(model([]).split("🦊x")).toEqual(["▁", "🦊", "x"]);
  });

  it("takes a user-defined piece for a likely one, whatever its score", () => {
    const pieces: Piece[] = [
      ["▁", -1],
      ["abc", -3],
      ["ab", -99],
      ["c", -1],
    ];
    expect(model(pieces).split("abc")).toEqual(["▁", "abc"]);
    expect(model(pieces, { userDefined: ["ab"] }).split("abc")).toEqual(["▁", "ab", "c"]);
  });

  it("sums in single precision, where the first of two equal ways stays", () => {
    const pieces: Piece[] = [
      ["▁y", -(2 ** 24)], // from here on a float has no room for fractions
      ["ab", -0.4],
      ["a", -0.1],
      ["b", -0.1],
    ];
    expect(model(pieces).split("yab")).toEqual(["▁y", "ab"]);
  });

  it("takes a megabyte", () => {
    const pieces: Piece[] = [
      ["▁", -1],
      ["ab", -1],
      ["▁ab", -1.5],
    ];
    const start = performance.now();
    expect(model(pieces).split("ab".repeat(500_000))).toHaveLength(500_000);
    expect(model(pieces).split("ab ".repeat(300_000))).toHaveLength(300_000);
    expect(model(pieces).split(" ".repeat(1_000_000))).toEqual([]);
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});
