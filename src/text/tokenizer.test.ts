import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emojiCaptions } from "../../test/fixtures/emoji-captions.ts";
import { prepareCaption } from "./captions.ts";
import { T5Tokenizer } from "./tokenizer.ts";

const captions = emojiCaptions().slice(0, 3000);
const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 1024 });
const small = T5Tokenizer.fromCaptions(["a red fox", "a red hen"], { vocabSize: 100 });

function idsOf(text: string, of: T5Tokenizer = tokenizer): number[] {
  const { inputIds } = of.encode([text], { maxLength: 1000, padding: "longest", truncation: true });
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
      truncation: true,
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
      truncation: true,
    });
    expect(lengths).toEqual([2, 5]);
    expect(shape).toEqual([2, 5]);
  });

  it("has no rows for no texts", () => {
    const options = { maxLength: 5, padding: "longest", truncation: true } as const;
    expect(small.encode([], options)).toMatchObject({ shape: [0, 0], lengths: [], truncated: [] });
  });

  it("keeps </s> last where it cuts, and reports the text that was cut off", () => {
    const texts = ["a red red", "a red red a\n🦊 red", "a a a a a a <unk> a"];
    const { inputIds, attentionMask, lengths, truncated } = small.encode(texts, {
      maxLength: 4,
      padding: "max",
      truncation: true,
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

  it("keeps only </s> of one token", () => {
    const { inputIds, truncated } = small.encode(["a red"], {
      maxLength: 1,
      padding: "max",
      truncation: true,
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
      truncation: true,
    });
    expect(lengths).toEqual([120, 120, 3]);
    expect(truncated.map(({ index }) => index)).toEqual([0, 1]);
    expect(truncated[0]?.dropped.length).toBeGreaterThan(990_000);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses maxLength %s", (maxLength) => {
    expect(() => small.encode(["a"], { maxLength, padding: "max", truncation: true })).toThrow(
      `Expected a positive integer for maxLength but received ${maxLength}`,
    );
  });
});

describe("T5Tokenizer.decode", () => {
  it("gives every prepared caption back", () => {
    const { inputIds, shape } = tokenizer.encode(captions.map(prepareCaption), {
      maxLength: 300,
      padding: "max",
      truncation: true,
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

describe("T5Tokenizer files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-tokenizer-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function folderWith(name: string, files: Record<string, string>): Promise<string> {
    await mkdir(join(folder, name));
    for (const [file, content] of Object.entries(files)) {
      await writeFile(join(folder, name, file), content);
    }
    return join(folder, name);
  }

  async function savedWith(name: string, change: (json: SavedFile) => void): Promise<string> {
    await small.savePretrained(join(folder, name));
    const path = join(folder, name, "tokenizer.json");
    const json = JSON.parse(await readFile(path, "utf8"));
    change(json);
    await writeFile(path, JSON.stringify(json));
    return join(folder, name);
  }

  it("reads what it wrote, from a folder and from a subfolder", async () => {
    await tokenizer.savePretrained(join(folder, "pipeline", "tokenizer"));
    const fromFolder = await T5Tokenizer.fromPretrained(join(folder, "pipeline", "tokenizer"));
    const fromSubfolder = await T5Tokenizer.fromPretrained(join(folder, "pipeline"), {
      subfolder: "tokenizer",
    });
    const options = { maxLength: 120, padding: "max", truncation: true } as const;
    expect(fromFolder.vocabSize).toBe(1024);
    const expected = tokenizer.encode(captions.slice(0, 100), options);
    expect(fromFolder.encode(captions.slice(0, 100), options)).toEqual(expected);
    expect(fromSubfolder.encode(captions.slice(0, 100), options)).toEqual(expected);
  });

  it("writes the three files of a tokenizer and nothing else, the same every time", async () => {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    await small.savePretrained(first);
    await (await T5Tokenizer.fromPretrained(first)).savePretrained(second);
    const names = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"];
    expect((await readdir(first)).sort()).toEqual(names);
    for (const name of names) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)));
    }
  });

  it("keeps extra ids, which are found in the text", async () => {
    const path = await savedWith("extra", (json) => {
      const id = json.model.vocab.push(["<extra_id_0>", 0]) - 1;
      json.added_tokens.push({ id, content: "<extra_id_0>" });
    });
    const extra = await T5Tokenizer.fromPretrained(path);
    expect(extra.vocabSize).toBe(small.vocabSize + 1);
    const [a] = idsOf("a", small);
    expect(idsOf("a<extra_id_0>a", extra)).toEqual([a, small.vocabSize, a, 1]);
    await extra.savePretrained(path);
    const config = JSON.parse(await readFile(join(path, "tokenizer_config.json"), "utf8"));
    expect(config.extra_ids).toBe(1);
  });

  it("says that a folder has no tokenizer", async () => {
    const path = await folderWith("empty", {});
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: expected a file but found none`,
    );
  });

  it("says what to do with a folder that has only spiece.model", async () => {
    const path = await folderWith("spiece", { "spiece.model": "" });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: expected a file but found only spiece.model. Make tokenizer.json out of it in Python: transformers.T5Tokenizer.from_pretrained(folder).save_pretrained(folder)`,
    );
  });

  it("says where JSON is broken", async () => {
    const path = await folderWith("broken", { "tokenizer.json": '{"model": ' });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: expected JSON but found Unexpected end of JSON input`,
    );
  });

  const strange: [string, (json: SavedFile) => void, string][] = [
    [
      "model.type",
      (json) => set(json.model, "type", "BPE"),
      'expected "Unigram" for model.type but found "BPE"',
    ],
    [
      "model",
      (json) => set(json, "model", undefined),
      "expected an object for model but found nothing",
    ],
    ["unk_id", (json) => set(json.model, "unk_id", 0), "expected 2 for model.unk_id but found 0"],
    [
      "vocab",
      (json) => set(json.model, "vocab", {}),
      "expected a list of [piece, score] for model.vocab but found {}",
    ],
    [
      "no-vocab",
      (json) => set(json.model, "vocab", []),
      "expected [piece, score] for model.vocab.0 but found nothing",
    ],
    ["order", (json) => json.model.vocab.reverse(), 'for model.vocab.0.0 but found "'],
    [
      "score",
      (json) => set(json.model.vocab[7], "1", "x"),
      'expected a number for model.vocab.7.1 but found "x"',
    ],
    [
      "piece",
      (json) => set(json.model.vocab[7], "0", null),
      "expected a string for model.vocab.7.0 but found null",
    ],
    [
      "short",
      (json) => set(json.model.vocab, "7", ["a"]),
      'expected [piece, score] for model.vocab.7 but found ["a"]',
    ],
    [
      "added",
      (json) => set(json, "added_tokens", null),
      "expected a list for added_tokens but found null",
    ],
    [
      "added-id",
      (json) => json.added_tokens.push({ id: 0.5, content: "x" }),
      "expected an integer for added_tokens.3.id but found 0.5",
    ],
    [
      "normalizer",
      (json) => set(json, "normalizer", { type: "Lowercase" }),
      'expected null (normalisation rules are not supported) for normalizer but found {"type":"Lowercase"}',
    ],
  ];
  it.each(strange)("names the key of a strange file: %s", async (name, change, message) => {
    const path = await savedWith(name, change);
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(message);
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(join(path, "tokenizer.json"));
  });

  it("refuses JSON that is no object", async () => {
    const path = await folderWith("list", { "tokenizer.json": "[1]" });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: expected an object for the whole file but found [1]`,
    );
  });
});

interface SavedFile {
  added_tokens: { id: number; content: string }[];
  model: { vocab: [string, number][] };
}

function set(object: object | undefined, key: string, value: unknown): void {
  Object.assign(object ?? {}, { [key]: value });
}
