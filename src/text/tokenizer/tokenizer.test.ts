import { describe, expect, it } from "vitest";
import { emojiCaptions } from "../../../test/fixtures/emoji-captions.ts";
import { prepareCaption } from "../captions/captions.ts";
import { T5Tokenizer } from "./tokenizer.ts";

const captions = emojiCaptions().slice(0, 3000);
const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 1024 });
const small = T5Tokenizer.fromCaptions(["a red fox", "a red hen"], { vocabSize: 100 });

function idsOf(text: string, of: T5Tokenizer = tokenizer): number[] {
  const { inputIds } = of.encode([text], { maxLength: 1000, padding: "longest" });
  return Array.from(inputIds, Number);
}

describe("T5Tokenizer.encode", () => {
  it("gives a caption few ids, all within the vocabulary, and </s> last", () => {
    const ids = idsOf("a flat emoji of grinning face");
    expect(ids.length).toBeLessThan(10);
    expect(ids.at(-1)).toBe(1);
    expect(ids.every((id) => id < tokenizer.vocabSize)).toBe(true);
    expect(ids).not.toContain(2);
  });

  it("pads on the right to maxLength with 0, mask 0", () => {
    const { inputIds, attentionMask, shape, lengths } = small.encode(["a red fox", ""], {
      maxLength: 6,
      padding: "max",
    });
    const [a, red] = idsOf("a red", small).map(BigInt);
    expect(shape).toEqual([2, 6]);
    expect([...inputIds.slice(0, 2)]).toEqual([a, red]);
    expect([...inputIds.slice(6)]).toEqual([1n, 0n, 0n, 0n, 0n, 0n]);
    const length = lengths[0] ?? 0;
    expect(inputIds[length - 1]).toBe(1n);
    expect([...attentionMask.slice(0, 6)]).toEqual(
      [0, 1, 2, 3, 4, 5].map((position) => (position < length ? 1n : 0n)),
    );
    expect([...attentionMask.slice(6)]).toEqual([1n, 0n, 0n, 0n, 0n, 0n]);
    expect(lengths[1]).toBe(1);
  });

  it("pads to the longest text on request", () => {
    const { shape, lengths } = small.encode(["a", "a red red red"], {
      maxLength: 50,
      padding: "longest",
    });
    expect(lengths).toEqual([2, 5]);
    expect(shape).toEqual([2, 5]);
  });

  it("has no rows for no texts", () => {
    const options = { maxLength: 5, padding: "longest" } as const;
    expect(small.encode([], options)).toMatchObject({ shape: [0, 0], lengths: [], truncated: [] });
  });

  it("keeps </s> last where it cuts, and reports the text that was cut off", () => {
    const texts = ["a red red", "a red red a\n🦊 red", "a a a a a a <unk> a"];
    const { inputIds, attentionMask, lengths, truncated } = small.encode(texts, {
      maxLength: 4,
      padding: "max",
    });
    const [a, red] = idsOf("a red", small).map(BigInt);
    expect([...inputIds]).toEqual([a, red, red, 1n, a, red, red, 1n, a, a, a, 1n]);
    expect([...attentionMask].every((value) => value === 1n)).toBe(true);
    expect(lengths).toEqual([4, 4, 4]);
    expect(truncated).toEqual([
      { index: 1, dropped: "a 🦊 red" },
      { index: 2, dropped: "a a a<unk> a" },
    ]);
  });

  it("tells of a single text what would be cut off", () => {
    const texts = ["a red red", "a red red a\n🦊 red", "a a a a a a <unk> a", ""];
    const cut = [undefined, "a 🦊 red", "a a a<unk> a", undefined];
    expect(texts.map((text) => small.truncatedIn(text, 4))).toEqual(cut);
    expect(() => small.truncatedIn("a", 0)).toThrow(
      "Expected a positive integer for maxLength but received 0",
    );
  });

  it("keeps only </s> of one token", () => {
    const { inputIds, truncated } = small.encode(["a red"], {
      maxLength: 1,
      padding: "max",
    });
    expect([...inputIds]).toEqual([1n]);
    expect(truncated).toEqual([{ index: 0, dropped: "a red" }]);
  });

  it("makes one unknown token of a run of unknown characters", () => {
    const [a] = idsOf("a", small);
    const [start] = idsOf("▁", small);
    expect(idsOf("a 🦊🦊\ud800 a", small)).toEqual([a, start, 2, a, 1]);
  });

  it("takes captions of a megabyte, with and without white space", () => {
    const words = "a red fox ".repeat(100_000);
    const texts = [words, words.replaceAll(" ", ""), "🦊".repeat(250_000)];
    const { lengths, truncated } = tokenizer.encode(texts, {
      maxLength: 120,
      padding: "max",
    });
    expect(lengths).toEqual([120, 120, 3]);
    expect(truncated.map(({ index }) => index)).toEqual([0, 1]);
    expect(truncated[0]?.dropped.length).toBeGreaterThan(990_000);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses maxLength %s", (maxLength) => {
    expect(() => small.encode(["a"], { maxLength, padding: "max" })).toThrow(
      `Expected a positive integer for maxLength but received ${maxLength}`,
    );
  });
});

describe("T5Tokenizer.decode", () => {
  it("gives every prepared caption back", () => {
    const { inputIds, shape } = tokenizer.encode(captions.map(prepareCaption), {
      maxLength: 300,
      padding: "max",
    });
    const decoded = captions.map((_, row) =>
      tokenizer.decode(inputIds.subarray(row * shape[1], (row + 1) * shape[1])),
    );
    const expected = captions.map((caption) => prepareCaption(caption).replaceAll(/\s+/gu, " "));
    expect(decoded).toEqual(expected);
  });

  it("leaves special tokens out", () => {
    expect(small.decode([...idsOf("a 🦊 red", small), 0, 0])).toBe("a  red");
    expect(small.decode([1, 0, 0])).toBe("");
    expect(small.decode([])).toBe("");
  });
});

describe("T5Tokenizer.fromCaptions", () => {
  it("learns from captions as the pipeline prepares them", () => {
    const upper = T5Tokenizer.fromCaptions([" A RED FOX ", "A RED HEN"], { vocabSize: 100 });
    expect(idsOf("a red fox", upper)).toEqual(idsOf("a red fox", small));
    expect(upper.vocabSize).toBe(small.vocabSize);
  });

  it("has the vocabulary size asked for where the captions offer it", () => {
    expect(tokenizer.vocabSize).toBe(1024);
  });

  it("works without any caption", () => {
    const empty = T5Tokenizer.fromCaptions([], { vocabSize: 10 });
    expect(empty.vocabSize).toBe(3);
    expect(idsOf("a fox", empty)).toEqual([2, 1]);
  });

  it("refuses a vocabulary too small for the characters", () => {
    expect(() => T5Tokenizer.fromCaptions(["abc"], { vocabSize: 5 })).toThrow(
      "Expected an integer of at least 7 (3 special tokens and the 4 characters of the texts) for vocabSize but received 5",
    );
  });
});
