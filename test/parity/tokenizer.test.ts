import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareCaption } from "../../src/text/captions/captions.ts";
import { T5Tokenizer } from "../../src/text/tokenizer/tokenizer.ts";
import { emojiCaptions } from "../fixtures/emoji-captions.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("tokenizer.py", import.meta.url));
const lengths = [1, 2, 8, 120];

const oddities = [
  "",
  " ",
  " \t\n ",
  "a",
  "A Red FOX",
  "fox\nowl\r\nhen\u0085cat\u2028dog\u3000cow\u00a0pig\ufeffbee",
  "nul \0 in\0side",
  "\u0001\u0008\u001b[31m red \u007f",
  "café cafe\u0301 ﬁre Å ℵ ① ｆｏｘ",
  "🦊 🦊🦊 👩‍👩‍👧 🏳️‍🌈 👍🏽",
  "face 😀 with 😀😀 tears 😂!",
  "\u202Eright to left\u202C \u061c \u200f שלום عربى",
  "zero\u200bwidth\u200djoiner\u00ad",
  "z̴̡̛͔a̶l̷g̸o̵",
  "日本語の絵文字 中文 한국어 ไทย हिन्दी",
  "a</s>b <pad> c<unk>d </s>",
  "<PAD> <extra_id_0> </ s> <unk",
  "▁ ▁▁a▁b ▁",
  "100% 3.14 1,000 16x16 ½ ²",
  "\"quotes\" 'single' “curly” ‘these’",
  "...!!!???---___///\\\\",
  "𝕗𝕠𝕩 𐍈 \u{10ffff} \ue000 \ufffe \uffff \ufffd",
  `${"very ".repeat(3000)}long`,
  "unbroken".repeat(2000),
  "🦊".repeat(5000),
  `${"🦊x".repeat(300)} fox`,
];

/** Every code point of the Basic Multilingual Plane but the surrogates, inside a word and as a word. */
const everyCodePoint = Array.from({ length: 0x10000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => `a${String.fromCharCode(code)}b ${String.fromCharCode(code)}`);

/** The same characters and half-words thrown together: a fixed linear congruential sequence picks them. */
function randomTexts(count: number): string[] {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const parts = [
    ...emojiCaptions().slice(0, 400),
    ...oddities.slice(0, 22),
    " ",
    "▁",
    "é",
    "\n",
    "x",
  ];
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + random(6) }, () => {
      const part = [...(parts[random(parts.length)] ?? "")];
      const start = random(part.length + 1);
      return part.slice(start, start + random(12)).join("");
    }).join(""),
  );
}

/** Every code point of the first two planes that Node's Unicode knows, at both ends of a caption and within. */
const caseCaptions = Array.from({ length: 0x20000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
  .filter((character) => /^\P{Cn}$/u.test(character))
  .map((character) => `${character}\n AΣ ${character}`);

interface Encodings {
  readonly class: string;
  readonly length: number;
  readonly whole: number[][];
  readonly padded: { readonly input_ids: number[][]; readonly attention_mask: number[][] }[];
}

interface Answer {
  readonly auto: Encodings;
  readonly t5: Encodings;
  readonly decoded: string[];
  readonly prepared: (string | null)[];
}

const loaders = ["auto", "t5"] as const;

describe("T5Tokenizer against transformers", () => {
  const captions = emojiCaptions().slice(0, 7000);
  const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 2048 });
  const paddedTexts = [
    ...oddities,
    ...captions.slice(0, 1000).map(prepareCaption),
    ...randomTexts(1000),
  ];
  const texts = [...paddedTexts, ...captions.slice(1000).map(prepareCaption), ...everyCodePoint];
  const allCaptions = [...captions, ...oddities, ...caseCaptions];
  let folder = "";
  let answer: Answer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-tokenizer-parity-"));
    await tokenizer.savePretrained(folder);
    const question = { folder, texts, lengths, padded: paddedTexts.length };
    const more = { resaved: join(folder, "resaved"), captions: allCaptions };
    answer = (await runPython(script, { ...question, ...more })) as Answer;
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true }));

  it("compares more than 70,000 texts, few of them without a known piece", () => {
    expect(texts.length).toBeGreaterThan(70_000);
    const known = answer.t5.whole.filter((ids) => ids.some((id) => id > 3));
    expect(known.length).toBeGreaterThan(texts.length * 0.99);
  });

  it("is loaded as T5Tokenizer, with the same vocabulary size", () => {
    for (const loader of loaders) {
      expect(answer[loader].class).toBe("T5Tokenizer");
      expect(answer[loader].length).toBe(tokenizer.vocabSize);
    }
  });

  it.each(loaders)("gives every text the ids of transformers (%s)", (loader) => {
    expect(differing(texts, wholeIds(tokenizer, texts), answer[loader].whole)).toEqual([]);
  });

  it.each(loaders)("pads, cuts and masks as transformers does (%s)", (loader) => {
    for (const [index, maxLength] of lengths.entries()) {
      const options = { maxLength, padding: "max" } as const;
      const { inputIds, attentionMask } = tokenizer.encode(paddedTexts, options);
      const theirs = answer[loader].padded[index];
      expect(differing(paddedTexts, rows(inputIds, maxLength), theirs?.input_ids)).toEqual([]);
      expect(
        differing(paddedTexts, rows(attentionMask, maxLength), theirs?.attention_mask),
      ).toEqual([]);
    }
  });

  it("decodes as transformers does", () => {
    const ours = answer.t5.whole.map((ids) => tokenizer.decode(ids));
    expect(differing(texts, ours, answer.decoded)).toEqual([]);
  });

  it("reads what transformers saved", async () => {
    const resaved = await T5Tokenizer.fromPretrained(folder, { subfolder: "resaved" });
    expect(resaved.vocabSize).toBe(tokenizer.vocabSize);
    expect(differing(paddedTexts, wholeIds(resaved, paddedTexts), answer.t5.whole)).toEqual([]);
  });

  it("prepares captions as diffusers does", () => {
    const ours = allCaptions.map((caption, index) =>
      answer.prepared[index] === null ? null : prepareCaption(caption),
    );
    expect(ours.filter((caption) => caption !== null).length).toBeGreaterThan(80_000);
    expect(differing(allCaptions, ours, answer.prepared)).toEqual([]);
  });
});

function wholeIds(tokenizer: T5Tokenizer, texts: readonly string[]): number[][] {
  const options = { maxLength: 1_000_000, padding: "longest" } as const;
  return texts.map((text) => Array.from(tokenizer.encode([text], options).inputIds, Number));
}

function rows(values: BigInt64Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) =>
    Array.from(values.subarray(row * width, (row + 1) * width), Number),
  );
}

/** The first texts whose value is not the expected one, with both values. */
function differing(
  texts: readonly string[],
  ours: readonly (string | null | number[])[],
  theirs: readonly (string | null | number[])[] = [],
): unknown[] {
  return texts
    .map((text, index) => ({ text, ours: ours[index], theirs: theirs[index] }))
    .filter(({ ours, theirs }) => JSON.stringify(ours) !== JSON.stringify(theirs))
    .slice(0, 10);
}
