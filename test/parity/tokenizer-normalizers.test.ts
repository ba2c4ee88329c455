import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { T5Tokenizer } from "../../src/text/tokenizer/tokenizer.ts";
import { emojiCaptions } from "../fixtures/emoji-captions.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("tokenizer-normalizers.py", import.meta.url));

const oddities = [
  "",
  " ",
  " \t\n ",
  "A Red FOX",
  "  a  red   fox.  ",
  "fox\nowl\r\nhen\u0085cat\u2028dog\u3000cow\u00a0pig\ufeffbee",
  "\u0001\u0008\u001b[31m red \u007f",
  "café cafe\u0301 ﬁre Å ℵ ① ｆｏｘ ｶﾞ",
  "🦊 🦊🦊 👩‍👩‍👧 🏳️‍🌈 👍🏽",
  "שלום عربى हिन्दी İI ΑΣ ΑΣ Σ",
  "zero\u200bwidth\u200djoiner\u00ad z̴̡̛͔a̶l̷g̸o̵",
  "a</s>b <pad> c<unk>d </s>",
  "<PAD> <extra_id_0> </ s> <unk",
  "▁ ▁▁a▁b ▁",
  "a deer, a beer and eerie geese. $& $1 \\",
  "🦊".repeat(500),
];

/** Marks and compatibility characters that Unicode got, or changed, since the tables that the tokenizers library has (2017). */
const newer =
  "7fd 897-89f 8ca-8d3 9fe afa-aff b55 c04 c3c cf3 d00 d3b-d3c d81 eba ece 1715 180f 1abf-1add 1ae0-1aeb 1cf2-1cf3 1cf7 1df6-1dfa 32ff a7f1-a7f4 a82c a8ff ab69"
    .split(" ")
    .map((range) => range.split("-").map((code) => Number.parseInt(code, 16)));
const isNewer = (text: string): boolean =>
  newer.some(([first = 0, last = first]) => {
    const code = text.charCodeAt(1);
    return code >= first && code <= last;
  });

const sequence = (...normalizers: object[]): object => ({ type: "Sequence", normalizers });
const replace = (pattern: object, content: string): object => ({
  type: "Replace",
  pattern,
  content,
});
const lowercase = { type: "Lowercase" };
const normalizers: readonly object[] = [
  ...["NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"].map((type) => ({ type })),
  { type: "Strip", strip_left: true, strip_right: true },
  { type: "Strip", strip_left: false, strip_right: true },
  { type: "Prepend", prepend: "▁" },
  { type: "Prepend", prepend: "a fox " },
  replace({ String: " " }, "▁"),
  replace({ String: "." }, "$& dot"),
  replace({ Regex: " {2,}" }, " "),
  replace({ Regex: "e+r" }, "ER"),
  sequence({ type: "NFKD" }, { type: "StripAccents" }, lowercase),
  sequence(
    sequence({ type: "Nmt" }, { type: "NFKC" }),
    replace({ Regex: " {2,}" }, " "),
    lowercase,
    { type: "Strip", strip_left: true, strip_right: true },
  ),
  sequence({ type: "Prepend", prepend: "▁" }, replace({ String: " " }, "▁")),
];

/** Every code point of the Basic Multilingual Plane but the surrogates, thirty a text. */
const everyCodePoint = Array.from({ length: 0x10000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => `a${String.fromCharCode(code)}b ${String.fromCharCode(code)}`)
  .filter((text) => /^\P{Cn}*$/u.test(text) && !isNewer(text));
const byThirties = Array.from({ length: Math.ceil(everyCodePoint.length / 30) }, (_, i) =>
  everyCodePoint.slice(30 * i, 30 * (i + 1)).join(" "),
);

describe("T5Tokenizer against the tokenizers library", () => {
  const captions = emojiCaptions().slice(0, 3000);
  const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 1024 });
  const texts = [...oddities, ...captions.slice(0, 300), ...byThirties];
  let folder = "";
  let plain: Record<string, unknown>;
  let answer: number[][][];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-normalizers-"));
    await tokenizer.savePretrained(folder);
    const file = join(folder, "tokenizer.json");
    plain = JSON.parse(await readFile(file, "utf8"));
    answer = (await runPython(script, { file, texts, normalizers })) as number[][][];
  });
  afterAll(() => rm(folder, { recursive: true }));

  const ids = (of: T5Tokenizer): number[][] => {
    const options = { maxLength: 1_000_000, padding: "longest" } as const;
    return texts.map((text) => Array.from(of.encode([text], options).inputIds, Number));
  };

  it.each(
    normalizers.map((normalizer, index) => ({
      name: JSON.stringify(normalizer),
      normalizer,
      index,
    })),
  )("gives its ids after $name", async ({ normalizer, index }) => {
    const place = join(folder, `normalizer-${index}`);
    await cp(join(folder, "tokenizer.json"), join(place, "tokenizer.json"));
    await writeFile(join(place, "tokenizer.json"), JSON.stringify({ ...plain, normalizer }));
    const changed = await T5Tokenizer.fromPretrained(place);
    const ours = ids(changed);
    const differing = texts.filter((_, i) => `${ours[i]}` !== `${answer[index]?.[i]}`);
    expect(differing).toEqual([]);
    await changed.savePretrained(place);
    expect(ids(await T5Tokenizer.fromPretrained(place))).toEqual(ours);
  });

  it("compares normalizers that change something", () => {
    const unchanged = ids(tokenizer);
    const same = answer.filter((theirs) => `${theirs}` === `${unchanged}`);
    // Those of white space alone, which words are split at in any case.
    expect(same.length).toBeLessThanOrEqual(4);
  });
});
