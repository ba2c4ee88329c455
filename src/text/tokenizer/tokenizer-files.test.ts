import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emojiCaptions } from "../../../test/fixtures/emoji-captions.ts";
import {
  charsmapBlob,
  type SpieceModelContent,
  spieceModel,
} from "../../../test/fixtures/spiece-model.ts";
import { T5Tokenizer } from "./tokenizer.ts";

const captions = emojiCaptions().slice(0, 3000);
const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 1024 });
const small = T5Tokenizer.fromCaptions(["a red fox", "a red hen"], { vocabSize: 100 });

function idsOf(text: string, of: T5Tokenizer): number[] {
  const { inputIds } = of.encode([text], { maxLength: 1000, padding: "longest" });
  return Array.from(inputIds, Number);
}

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

describe("T5Tokenizer files", () => {
  it("reads what it wrote, from a folder and from a subfolder", async () => {
    await tokenizer.savePretrained(join(folder, "pipeline", "tokenizer"));
    const fromFolder = await T5Tokenizer.fromPretrained(join(folder, "pipeline", "tokenizer"));
    const fromSubfolder = await T5Tokenizer.fromPretrained(join(folder, "pipeline"), {
      subfolder: "tokenizer",
    });
    const options = { maxLength: 120, padding: "max" } as const;
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

  it("reads a file without added tokens", async () => {
    const path = await savedWith("no-added", (json) => set(json, "added_tokens", []));
    const found = await T5Tokenizer.fromPretrained(path);
    expect(idsOf("a red fox", found)).toEqual(idsOf("a red fox", small));
  });

  it("says that a folder has no tokenizer", async () => {
    const path = await folderWith("empty", {});
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${path}: files: expected tokenizer.json or spiece.model but found neither`,
    );
  });

  it("says what a failed download left in a file's place", async () => {
    for (const name of ["tokenizer.json", "spiece.model"]) {
      const content = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 2444\n";
      const path = await folderWith(`lfs-${name}`, { [name]: content });
      await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
        `${join(path, name)}: file: expected a ${name === "spiece.model" ? "SentencePiece model" : "JSON file"} but found a Git LFS pointer`,
      );
    }
  });

  it("says where JSON is broken", async () => {
    const path = await folderWith("broken", { "tokenizer.json": '{"model": ' });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: the whole file: expected JSON but found Unexpected end of JSON input`,
    );
  });

  const strange: [string, (json: SavedFile) => void, string][] = [
    [
      "model.type",
      (json) => set(json.model, "type", "BPE"),
      'model.type: expected "Unigram" but found "BPE"',
    ],
    [
      "model",
      (json) => set(json, "model", undefined),
      "model: expected an object but found nothing",
    ],
    ["unk_id", (json) => set(json.model, "unk_id", 0), "model.unk_id: expected 2 but found 0"],
    [
      "vocab",
      (json) => set(json.model, "vocab", {}),
      "model.vocab: expected a list of [piece, score] but found {}",
    ],
    [
      "no-vocab",
      (json) => set(json.model, "vocab", []),
      "model.vocab.0: expected [piece, score] but found nothing",
    ],
    [
      "order",
      (json) => json.model.vocab.reverse(),
      'model.vocab.0.0: expected "<pad>" but found "',
    ],
    [
      "score",
      (json) => set(json.model.vocab[7], "1", "x"),
      'model.vocab.7.1: expected a number but found "x"',
    ],
    [
      "piece",
      (json) => set(json.model.vocab[7], "0", null),
      "model.vocab.7.0: expected a string but found null",
    ],
    [
      "short",
      (json) => set(json.model.vocab, "7", ["a"]),
      'model.vocab.7: expected [piece, score] but found ["a"]',
    ],
    [
      "added",
      (json) => set(json, "added_tokens", null),
      "added_tokens: expected a list but found null",
    ],
    [
      "added-id",
      (json) => json.added_tokens.push({ id: 0.5, content: "x" }),
      "added_tokens.3.id: expected an integer of at least 0 but found 0.5",
    ],
    [
      "added-empty",
      (json) => json.added_tokens.push({ id: 3, content: "" }),
      'added_tokens.3.content: expected a string that is not empty but found ""',
    ],
    [
      "normalizer",
      (json) => set(json, "normalizer", { type: "BertNormalizer", lowercase: true }),
      `normalizer: expected null or supported normalizers (Precompiled, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, Strip, StripAccents, Replace of a text or a plain pattern, Prepend, Sequence) but found {"type":"BertNormalizer","lowercase":true}`,
    ],
    [
      "pattern",
      (json) =>
        set(json, "normalizer", {
          type: "Sequence",
          normalizers: [
            { type: "NFC" },
            { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
          ],
        }),
      "normalizer.normalizers.1: expected null or supported normalizers",
    ],
    [
      "after-the-map",
      (json) =>
        set(json, "normalizer", {
          type: "Sequence",
          normalizers: [{ type: "Precompiled", precompiled_charsmap: "" }, { type: "Lowercase" }],
        }),
      'normalizer.normalizers.1: expected only rules for white space after the character map (Precompiled) but found {"type":"Lowercase"}',
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
      `${join(path, "tokenizer.json")}: the whole file: expected an object but found [1]`,
    );
  });
});

describe("T5Tokenizer from spiece.model", () => {
  const pieces: [string, number][] = [
    ["<pad>", 0],
    ["</s>", 0],
    ["<unk>", 0],
    ["▁", -2],
    ["▁fox", -3],
    ["a", -4],
  ];
  const upper = charsmapBlob({ F: "f", "①": "1" });

  async function spieceFolder(
    name: string,
    content: Partial<SpieceModelContent> = {},
    files: Record<string, object> = {},
  ): Promise<string> {
    const texts = Object.entries(files).map(([file, json]) => [file, JSON.stringify(json)]);
    const path = await folderWith(name, Object.fromEntries(texts));
    await writeFile(join(path, "spiece.model"), spieceModel({ pieces, ...content }));
    return path;
  }

  it("needs no other file and adds a hundred extra ids, the last one first", async () => {
    const found = await T5Tokenizer.fromPretrained(
      await spieceFolder("alone", { charsmap: upper }),
    );
    expect(found.vocabSize).toBe(106);
    expect(idsOf("Fox a ①<extra_id_99> <extra_id_0>", found)).toEqual([4, 3, 5, 3, 2, 6, 105, 1]);
  });

  it("has as many extra ids as its configuration says, and further tokens", async () => {
    const path = await spieceFolder("extra-ids", undefined, {
      "tokenizer_config.json": { extra_ids: 2 },
      "added_tokens.json": { "<mine>": 8, "<extra_id_1>": 6, "<extra_id_0>": 7 },
    });
    const found = await T5Tokenizer.fromPretrained(path);
    expect(found.vocabSize).toBe(9);
    expect(idsOf("<extra_id_1><extra_id_0><mine>", found)).toEqual([6, 7, 8, 1]);
  });

  it("refuses empty tokens, which every text has everywhere", async () => {
    const added = await spieceFolder("empty-added", undefined, {
      "tokenizer_config.json": { extra_ids: 0 },
      "added_tokens.json": { "": 6 },
    });
    await expect(T5Tokenizer.fromPretrained(added)).rejects.toThrow(
      `${join(added, "added_tokens.json")}: "": expected a string that is not empty but found ""`,
    );
    for (const type of [3, 4]) {
      const types = { 0: 3, 1: 3, 2: 2, 6: type };
      const path = await spieceFolder(`empty-${type}`, { pieces: [...pieces, ["", 0]], types });
      await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
        `${join(path, "spiece.model")}: pieces.6: expected a string that is not empty but found ""`,
      );
    }
  });

  it("refuses an added token that is a whole book", async () => {
    const path = await savedWith("long-added", (json) =>
      json.added_tokens.push({ id: 3, content: "a".repeat(513) }),
    );
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: added token 3: expected at most 512 characters but found 513`,
    );
  });

  it("keeps extra ids where the model has them", async () => {
    const more: [string, number][] = [...pieces, ["<extra_id_0>", 0]];
    const types = { 0: 3, 1: 3, 2: 2, 6: 4 };
    const files = { "tokenizer_config.json": { extra_ids: 2 } };
    const path = await spieceFolder("own-extra-ids", { pieces: more, types }, files);
    const found = await T5Tokenizer.fromPretrained(path);
    expect(found.vocabSize).toBe(8);
    expect(idsOf("fox<extra_id_0>a", found)).toEqual([4, 6, 5, 1]);
  });

  it("keeps </s> where it cuts, and reports the text as it was looked up", async () => {
    const found = await T5Tokenizer.fromPretrained(
      await spieceFolder("cut", { charsmap: charsmapBlob({ F: "f", "\t": " " }) }),
    );
    const { inputIds, truncated } = found.encode(["Fox\t a  Fox 🦊 a ", "Fox"], {
      maxLength: 4,
      padding: "max",
    });
    expect(Array.from(inputIds, Number)).toEqual([4, 3, 5, 1, 4, 1, 0, 0]);
    expect(truncated).toEqual([{ index: 0, dropped: "fox 🦊 a" }]);
  });

  it("is saved as it was, and leaves no other tokenizer in the folder", async () => {
    const path = await spieceFolder("kept", { charsmap: upper });
    await small.savePretrained(join(folder, "replaced"));
    const kept = await T5Tokenizer.fromPretrained(path);
    await kept.savePretrained(join(folder, "replaced"));
    expect((await readdir(join(folder, "replaced"))).sort()).toEqual([
      "added_tokens.json",
      "special_tokens_map.json",
      "spiece.model",
      "tokenizer_config.json",
    ]);
    expect(await readFile(join(folder, "replaced", "spiece.model"))).toEqual(
      await readFile(join(path, "spiece.model")),
    );
    const again = await T5Tokenizer.fromPretrained(join(folder, "replaced"));
    expect(again.vocabSize).toBe(106);
    expect(idsOf("Fox <extra_id_3>", again)).toEqual(idsOf("Fox <extra_id_3>", kept));
    await small.savePretrained(join(folder, "replaced"));
    expect(await readdir(join(folder, "replaced"))).not.toContain("spiece.model");
  });

  it("reads the character map of tokenizer.json, alone and in the sequence of transformers 4", async () => {
    const map = {
      type: "Precompiled",
      precompiled_charsmap: Buffer.from(charsmapBlob({ A: "a", R: "r" })).toString("base64"),
    };
    const strip = { type: "Strip", strip_left: false, strip_right: true };
    const replace = { type: "Replace", pattern: { Regex: " {2,}" }, content: "▁" };
    const sequence = { type: "Sequence", normalizers: [map, strip, replace] };
    for (const [index, normalizer] of [map, sequence].entries()) {
      const path = await savedWith(`map-${index}`, (json) => set(json, "normalizer", normalizer));
      const found = await T5Tokenizer.fromPretrained(path);
      expect(idsOf("A  Red", found)).toEqual(idsOf("a red", small));
      await found.savePretrained(path);
      const again = await T5Tokenizer.fromPretrained(path);
      expect(idsOf("A  Red", again)).toEqual(idsOf("a red", small));
    }
  });

  it("normalizes in front of the character map, and keeps both", async () => {
    const normalizers = [
      { type: "Lowercase" },
      {
        type: "Precompiled",
        precompiled_charsmap: Buffer.from(charsmapBlob({ x: "fox" })).toString("base64"),
      },
    ];
    const path = await savedWith("before-the-map", (json) =>
      set(json, "normalizer", { type: "Sequence", normalizers }),
    );
    const found = await T5Tokenizer.fromPretrained(path);
    expect(idsOf("A RED X", found)).toEqual(idsOf("a red fox", small));
    await found.savePretrained(path);
    const saved = JSON.parse(await readFile(join(path, "tokenizer.json"), "utf8"));
    expect(saved.normalizer).toEqual({ type: "Sequence", normalizers });
  });

  it.each([
    ["JSON", "a".repeat(4), "3 bytes for a trie of 0 and its replacements"],
    ["short", Buffer.from(upper.subarray(0, 99)).toString("base64"), "99 bytes for a trie of"],
  ])("refuses a character map cut short: %s", async (name, blob, found) => {
    const path = await savedWith(`cut-${name}`, (json) => {
      set(json, "normalizer", { type: "Precompiled", precompiled_charsmap: blob });
    });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer.json")}: normalizer.precompiled_charsmap: expected a complete character map but found ${found}`,
    );
  });

  it.each([
    [
      "wrong-order",
      { pieces: [["<unk>", 0]] },
      'pieces.0: expected the special piece "<pad>" but found "<unk>"',
    ],
    [
      "plain-eos",
      { types: { 0: 3, 2: 2 } },
      'pieces.1: expected the special piece "</s>" but found "</s>"',
    ],
    ["no-pieces", { pieces: [] }, 'pieces.0: expected the special piece "<pad>" but found nothing'],
  ] as const)("refuses pieces that are not T5's: %s", async (name, content, message) => {
    const path = await spieceFolder(name, content);
    const place = join(path, "spiece.model");
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(`${place}: ${message}`);
  });

  it("refuses added tokens at ids that others have", async () => {
    for (const [name, id, found] of [
      ["taken", 5, '"a"'],
      ["gap", 200, "nothing"],
    ] as const) {
      const path = await spieceFolder(name, {}, { "added_tokens.json": { "<mine>": id } });
      await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
        `${join(path, "added_tokens.json")}: "<mine>": expected id 106 but found id ${id}, where the vocabulary has ${found}`,
      );
    }
  });

  it("names the key of a strange configuration", async () => {
    const path = await spieceFolder("config", {}, { "tokenizer_config.json": { extra_ids: -1 } });
    await expect(T5Tokenizer.fromPretrained(path)).rejects.toThrow(
      `${join(path, "tokenizer_config.json")}: extra_ids: expected an integer from 0 to 32128 but found -1`,
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
