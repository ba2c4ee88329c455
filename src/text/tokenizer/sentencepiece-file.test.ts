import { describe, expect, it } from "vitest";
import { charsmapBlob, spieceModel } from "../../../test/fixtures/spiece-model.ts";
import { parseSentencePieceFile } from "./sentencepiece-file.ts";

const pieces = [
  ["<pad>", 0],
  ["</s>", 0],
  ["<unk>", 0],
  ["▁a", -1.5],
  ["<sep>", 0],
] as const;
const types = { 0: 3, 1: 3, 2: 2, 4: 4 };
const path = "t5/spiece.model";

describe("parseSentencePieceFile", () => {
  it("tells pieces, special ones, user-defined ones and the rules", () => {
    const charsmap = charsmapBlob({ A: "a" });
    const file = parseSentencePieceFile(path, spieceModel({ pieces, types, charsmap }));
    expect(file.pieces).toEqual(pieces);
    expect([...file.special]).toEqual([0, 1, 2]);
    expect(file.rules).toMatchObject({
      addDummyPrefix: true,
      removeExtraWhitespaces: true,
      userDefined: ["<sep>"],
    });
    expect(file.rules.charsmap.match(Buffer.from("A"), 0)?.replacement).toBe("a");
  });

  const refused: [string, Uint8Array, string][] = [
    [
      "BPE",
      spieceModel({ pieces, modelType: 2 }),
      'trainer_spec.model_type: expected "UNIGRAM" but found "BPE"',
    ],
    [
      "white space behind words",
      spieceModel({ pieces, isSuffix: true }),
      "trainer_spec.treat_whitespace_as_suffix: expected false but found true",
    ],
    [
      "spaces as they are",
      spieceModel({ pieces, escapes: false }),
      "normalizer_spec.escape_whitespaces: expected true but found false",
    ],
    [
      "bytes as pieces",
      spieceModel({ pieces, types: { ...types, 3: 6 } }),
      'pieces.3.type: expected "NORMAL" but found "BYTE"',
    ],
    [
      "a character map cut short",
      spieceModel({ pieces, charsmap: Buffer.from("abcdefgh") }),
      "normalizer_spec.precompiled_charsmap: expected a complete character map but found 8 bytes for a trie of 1684234849 and its replacements",
    ],
    ["no file", Buffer.alloc(0), "trainer_spec: expected a message but found nothing"],
    [
      "a file cut short",
      spieceModel({ pieces }).subarray(0, 20),
      'the whole file: expected a SentencePiece model but found "index out of range',
    ],
    [
      "text",
      Buffer.from("version https://git-lfs.github.com/spec/v1"),
      "the whole file: expected a SentencePiece model but found ",
    ],
  ];
  it.each(refused)("refuses %s", (_name, bytes, message) => {
    expect(() => parseSentencePieceFile(path, bytes)).toThrow(`${path}: ${message}`);
  });
});
