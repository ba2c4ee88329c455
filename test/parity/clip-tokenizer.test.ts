import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIPTokenizer } from "../../src/text/tokenizer/clip-tokenizer.ts";
import { runPython } from "./python.ts";

const words =
  "a an the photo picture of small red blue cat cats dog sitting standing on grass table flat style emoji heart faces smiling with hearts don't it's they're we've I'm she'll he'd very large".split(
    " ",
  );

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const below = numbers(3);
const pick = (from: readonly string[]): string => from[below(from.length)] ?? "";
const caption = (length: number): string => Array.from({ length }, () => pick(words)).join(" ");

const odd = [
  "",
  " ",
  "\t\n",
  "A",
  "CAT",
  "A Photo Of A Cat.",
  "it's IT'S it’s 's S's s's'll",
  "don't DON'T 'tis rock'n'roll o'clock'd've",
  "1 12 1234 3.14 x2 2x ½ ² Ⅳ ٣",
  "cat,dog;cat.dog!cat?dog…",
  "!!! ??? ... --- ((( ))) !'s '!s",
  "cat-dog_cat/dog\\cat|dog",
  "<b>cat</b> &amp; dog",
  "<|startoftext|>cat<|endoftext|>dog",
  "cat <|endoftext|> dog",
  "a <|startoftext|>",
  "<| endoftext |> <|endoftext",
  "é É e\u0301 E\u0301 ñ N\u0303 Å \u212b \u00e5",
  "Straße STRASSE ẞ ß",
  "ΟΔΟΣ οδος Σ ΑΣ ΣΑ ΑΣ.",
  "İstanbul I ı i",
  "H\u0331 h\u0331 \u1e96",
  "Привет МИР мир",
  "日本語 の 絵",
  "한국어 \u1112\u1161\u11ab",
  "مرحبا بالعالم",
  "हिन्दी क्षि",
  "ไทย ภาษา",
  "😀 😀😀 cat😀dog 👩‍👩‍👧 🇩🇪 ❤️ 1️⃣",
  "ﬁ ﬂ Ǆ ǅ ǆ ﷺ",
  "cat\u00a0dog\u3000cat\u2003dog\u1680cat",
  "cat\u0085dog cat\u200bdog cat\u2028dog\u2029cat",
  "cat\ufeffdog !\ufeff! \ufeff",
  "cat\u180edog cat\u200edog cat\u2060dog",
  "cat\u0000dog \u0001 \u001f \u007f cat\u000bdog\u000ccat",
  "  cat   dog \n\n cat\r\ndog  ",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "q Q qq quick æ ø",
  "𝒜𝓫𝒸 𝟙𝟚 𐐀𐐨",
  caption(100),
  `${caption(60)}, ${caption(60)}`,
];
const letters = [..." aeistcdogΣσéß日😀'’!?.,-_0123\u00a0\u0301"];
const texts = [
  ...odd,
  ...Array.from({ length: 80 }, () => caption(1 + below(20))),
  ...Array.from(
    { length: 40 },
    () => `${caption(2)}${pick(["!", "'s", " 42", "…", "😀"])} ${caption(3).toUpperCase()}`,
  ),
  ...Array.from({ length: 60 }, () =>
    Array.from({ length: 1 + below(30) }, () => pick(letters)).join(""),
  ),
];

const folder = mkdtempSync(join(tmpdir(), "pixart-clip-tokenizer-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([
  { name: "padded with the last token", pad: "<|endoftext|>", length: 77, unknown: [] },
  {
    name: "with unknown bytes, padded with another token",
    pad: "!",
    length: 20,
    unknown: ["q", "q</w>", "Ã"],
  },
])("CLIPTokenizer: $name", ({ name, pad, length, unknown }) => {
  const own = join(folder, name);
  let answer: { ids: number[][]; merges: number; class: string };
  beforeAll(async () => {
    const script = fileURLToPath(new URL("clip-tokenizer.py", import.meta.url));
    const captions = [...Array.from({ length: 400 }, () => caption(8)), ...texts, ...texts];
    const request = { folder: own, captions, texts, pad, length, unknown };
    answer = (await runPython(script, request)) as typeof answer;
  });

  it("has transformers' ids", async () => {
    const tokenizer = await CLIPTokenizer.fromPretrained(own);
    expect(texts.length).toBeGreaterThan(200);
    expect(answer.class).toBe("CLIPTokenizer");
    expect(answer.merges).toBeGreaterThan(100);
    const { inputIds, shape, truncated } = tokenizer.encode(texts, { maxLength: length });
    expect(shape).toEqual([texts.length, length]);
    for (const [i, wanted] of answer.ids.entries()) {
      const found = Array.from(inputIds.slice(i * length, (i + 1) * length), Number);
      expect(found, JSON.stringify(texts[i])).toEqual(wanted);
    }
    expect(truncated).toContain(texts.indexOf(odd.at(-1) ?? ""));
  });
});
