import { createRequire } from "node:module";
import type protobuf from "protobufjs";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { Charsmap } from "./charsmap.ts";
import type { SentencePieceRules } from "./sentencepiece.ts";
import type { Piece } from "./unigram.ts";

/** The used fields of google/sentencepiece src/sentencepiece_model.proto. */
const MODEL_PROTO = `
    syntax = "proto2";
    message ModelProto {
      repeated SentencePiece pieces = 1;
      optional TrainerSpec trainer_spec = 2;
      optional NormalizerSpec normalizer_spec = 3;
    }
    message SentencePiece {
      enum Type { NORMAL = 1; UNKNOWN = 2; CONTROL = 3; USER_DEFINED = 4; UNUSED = 5; BYTE = 6; }
      optional string piece = 1;
      optional float score = 2;
      optional Type type = 3 [default = NORMAL];
    }
    message TrainerSpec {
      enum ModelType { UNIGRAM = 1; BPE = 2; WORD = 3; CHAR = 4; }
      optional ModelType model_type = 3 [default = UNIGRAM];
      optional bool treat_whitespace_as_suffix = 24 [default = false];
    }
    message NormalizerSpec {
      optional bytes precompiled_charsmap = 2;
      optional bool add_dummy_prefix = 3 [default = true];
      optional bool remove_extra_whitespaces = 4 [default = true];
      optional bool escape_whitespaces = 5 [default = true];
    }
`;

let modelType: protobuf.Type | undefined;

/** Loaded on demand: most tokenizers have another file. */
const protobufs = (): typeof protobuf => createRequire(import.meta.url)("protobufjs");

function modelProto(): protobuf.Type {
  modelType ??= protobufs().parse(MODEL_PROTO, { keepCase: true }).root.lookupType("ModelProto");
  return modelType;
}

interface ModelFile {
  readonly pieces: readonly {
    readonly piece: string;
    readonly score: number;
    readonly type: string;
  }[];
  readonly trainer_spec: {
    readonly model_type: string;
    readonly treat_whitespace_as_suffix: boolean;
  };
  readonly normalizer_spec: {
    readonly precompiled_charsmap: Uint8Array;
    readonly add_dummy_prefix: boolean;
    readonly remove_extra_whitespaces: boolean;
    readonly escape_whitespaces: boolean;
  };
}

/** The content of `spiece.model`. */
export interface SentencePieceFile {
  /** Id by position. */
  readonly pieces: readonly Piece[];
  /** Ids of the pieces that no text is split into: `<pad>`, `</s>`, `<unk>` and other control pieces. */
  readonly special: ReadonlySet<number>;
  readonly rules: SentencePieceRules;
}

/**
 * Reads the bytes of a SentencePiece model. Throws BadFileError with `path` if they are invalid, or if the model splits texts in
 * another way than T5's: not Unigram, pieces for bytes, white space at the end of words.
 */
export function parseSentencePieceFile(path: string, bytes: Uint8Array): SentencePieceFile {
  const file = decode(path, bytes);
  const expect = (place: string, expected: unknown, found: unknown): void => {
    if (found !== expected) throw new BadFileError(path, place, quote(expected), quote(found));
  };
  expect("trainer_spec.model_type", "UNIGRAM", file.trainer_spec.model_type);
  const { treat_whitespace_as_suffix: isSuffix } = file.trainer_spec;
  expect("trainer_spec.treat_whitespace_as_suffix", false, isSuffix);
  expect("normalizer_spec.escape_whitespaces", true, file.normalizer_spec.escape_whitespaces);
  const special = new Set<number>();
  const userDefined: string[] = [];
  for (const [id, { piece, type }] of file.pieces.entries()) {
    if (piece === "")
      throw new BadFileError(path, `pieces.${id}`, "a string that is not empty", '""');
    if (type === "CONTROL" || type === "UNKNOWN") special.add(id);
    else if (type === "USER_DEFINED") userDefined.push(piece);
    else expect(`pieces.${id}.type`, "NORMAL", type);
  }
  return {
    pieces: file.pieces.map(({ piece, score }): Piece => [piece, score]),
    special,
    rules: {
      charsmap: parseCharsmap(
        path,
        "normalizer_spec.precompiled_charsmap",
        file.normalizer_spec.precompiled_charsmap,
      ),
      addDummyPrefix: file.normalizer_spec.add_dummy_prefix,
      removeExtraWhitespaces: file.normalizer_spec.remove_extra_whitespaces,
      userDefined,
    },
  };
}

/** The number of pieces in a SentencePiece model, without parsing them; if damaged, of those before the damage. */
export function countPieces(bytes: Uint8Array): number {
  const reader = protobufs().Reader.create(bytes);
  let count = 0;
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === 1) count += 1;
      reader.skipType(tag & 7);
    }
  } catch {
    // Reported by decode().
  }
  return count;
}

/** Reads a character map. Throws BadFileError with its position in a file if it is damaged. */
export function parseCharsmap(path: string, place: string, blob: Uint8Array): Charsmap {
  try {
    return new Charsmap(blob);
  } catch (error) {
    const found = error instanceof RangeError ? error.message : quote(error);
    throw new BadFileError(path, place, "a complete character map", found);
  }
}

function decode(path: string, bytes: Uint8Array): ModelFile {
  const plain = ((): Record<string, unknown> => {
    try {
      const options = { defaults: true, arrays: true, enums: String, bytes: Buffer };
      return modelProto().toObject(modelProto().decode(bytes), options);
    } catch (error) {
      const found = quote(error instanceof Error ? error.message : error);
      throw new BadFileError(path, "the whole file", "a SentencePiece model", found);
    }
  })();
  for (const place of ["trainer_spec", "normalizer_spec"]) {
    if (!plain[place]) throw new BadFileError(path, place, "a message", "nothing");
  }
  return plain as unknown as ModelFile;
}
