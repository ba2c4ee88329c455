import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIPTokenizer } from "./clip-tokenizer.ts";

const START = 5;
const END = 6;
const vocab = { a: 0, "a</w>": 1, "b</w>": 2, "ab</w>": 3, "!</w>": 4, "<|startoftext|>": START };
const file = {
  added_tokens: [
    { id: START, content: "<|startoftext|>", special: true },
    { id: END, content: "<|endoftext|>", special: true },
  ],
  model: { type: "BPE", vocab, merges: ["a b</w>"] },
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-clip-tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function tokenizer(changes: object, config?: object): Promise<CLIPTokenizer> {
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...file, ...changes }));
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(config ?? {}));
  return CLIPTokenizer.fromPretrained(folder);
}

describe("CLIPTokenizer", () => {
  it("joins byte pairs of lower-cased words, pads, and cuts before the last token", async () => {
    const { inputIds, shape, truncated } = (await tokenizer({})).encode(["AB a", "", "a b ab a!"], {
      maxLength: 5,
    });
    expect(shape).toEqual([3, 5]);
    expect(Array.from(inputIds, Number)).toEqual([
      ...[START, 3, 1, END, END],
      ...[START, END, END, END, END],
      ...[START, 1, 2, 3, END],
    ]);
    expect(truncated).toEqual([2]);
  });

  it("pads to 77 with the token that the folder names, written either way", async () => {
    for (const pad of ["a", { content: "a" }]) {
      const { inputIds, shape } = (await tokenizer({}, { pad_token: pad })).encode(["ab"]);
      expect(shape).toEqual([1, 77]);
      expect(Array.from(inputIds.slice(0, 5), Number)).toEqual([START, 3, END, 0, 0]);
    }
  });

  it("knows how many tokens there are", async () => {
    expect((await tokenizer({})).vocabSize).toBe(7);
  });

  it("takes vocabulary and merges from the file and nothing else", async () => {
    const { inputIds } = (await tokenizer({ normalizer: { type: "NoSuch" } })).encode(["AB"]);
    expect(Number(inputIds[1])).toBe(3);
  });

  it("refuses files that are not CLIP's", async () => {
    const model = (changes: object) => tokenizer({ model: { ...file.model, ...changes } });
    await expect(model({ type: "Unigram" })).rejects.toThrow(
      /tokenizer\.json: model\.type: expected "BPE" but found "Unigram"/,
    );
    await expect(model({ merges: ["a", 3] })).rejects.toThrow(
      /tokenizer\.json: model\.merges\.1: expected a pair of tokens but found 3/,
    );
    await expect(model({ vocab: { a: -1 } })).rejects.toThrow(
      /tokenizer\.json: model\.vocab\.a: expected an integer of at least 0 but found -1/,
    );
    await expect(tokenizer({ added_tokens: [] })).rejects.toThrow(
      /tokenizer\.json: model\.vocab: expected the token <\|endoftext\|> but found 6 others/,
    );
    await expect(tokenizer({}, { pad_token: "no" })).rejects.toThrow(/expected the token no but/);
    const fine = await tokenizer({});
    expect(() => fine.encode(["a"], { maxLength: 1 })).toThrow(
      "Expected an integer of at least 2 for maxLength but received 1",
    );
  });
});
