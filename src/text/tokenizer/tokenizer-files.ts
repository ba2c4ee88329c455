import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { z } from "zod";
import { makeFolder } from "../../files/make-folder.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { refuseStandIn } from "../../files/reading/stand-in.ts";
import { LARGEST_FILE, readWhole } from "../../files/reading/whole-file.ts";
import { removeFile } from "../../files/remove.ts";
import { replaceFile } from "../../files/replace-file.ts";
import type { WantedFile } from "../../hub/index.ts";
import { type ParsedNormalizer, parseNormalizer } from "./normalizer.ts";
import type { SentencePieceRules } from "./sentencepiece.ts";
import { countPieces, parseCharsmap, parseSentencePieceFile } from "./sentencepiece-file.ts";
import { readJson, readJsonIfThere, requireFew } from "./tokenizer-json.ts";
import type { Piece } from "./unigram.ts";

/** The differences between T5 tokenizers; the rest of `tokenizer.json` is the same for all. */
export interface T5Vocabulary {
  /** Id by position; starts with the special tokens. */
  readonly pieces: readonly Piece[];
  /** Tokens that are found in the original text, before any other processing. */
  readonly addedTokens: readonly AddedToken[];
  /** The first steps that `tokenizer.json` applies to a text, with their JSON. */
  readonly normalizer?: Pick<ParsedNormalizer, "steps" | "json">;
  /** How SentencePiece prepares texts. Without it, they are only split at white space. */
  readonly rules?: SentencePieceRules;
  /** The bytes of the `spiece.model` that the vocabulary was read from. */
  readonly spieceModel?: Uint8Array;
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** The first three entries of every T5 vocabulary. */
export const specialTokens: readonly ["<pad>", "</s>", "<unk>"] = ["<pad>", "</s>", "<unk>"];
const [padToken, eosToken, unkToken] = specialTokens;
const extraIdsOfT5 = 100;

const fileNames = [
  "tokenizer.json",
  "spiece.model",
  "added_tokens.json",
  "special_tokens_map.json",
  "tokenizer_config.json",
] as const;

/** UTF-16 units of a piece: SentencePiece makes none of more than 16 characters by default. */
const LONGEST_PIECE = 512;
/** T5's whole vocabulary has no more tokens, of which 100 are extra ids. */
const MOST_EXTRA_IDS = 32_128;

const text = z.string("a string");
const notEmpty = "a string that is not empty";
const score = z.number("a number");
/** A token that is found in texts unchanged. */
export const addedToken: z.ZodType<AddedToken> = z.looseObject(
  {
    id: z.int("an integer of at least 0").min(0, "an integer of at least 0"),
    content: text.min(1, notEmpty),
  },
  "an object",
);
const tokenizerFile = z.looseObject(
  {
    added_tokens: z.array(addedToken, "a list"),
    normalizer: z.unknown(),
    model: z.looseObject(
      {
        type: z.literal("Unigram", '"Unigram"'),
        unk_id: z.literal(2, "2"),
        vocab: z.tuple(
          [
            z.tuple([z.literal(padToken, `"${padToken}"`), score], "[piece, score]"),
            z.tuple([z.literal(eosToken, `"${eosToken}"`), score], "[piece, score]"),
            z.tuple([z.literal(unkToken, `"${unkToken}"`), score], "[piece, score]"),
          ],
          z.tuple([text, score], "[piece, score]"),
          "a list of [piece, score]",
        ),
      },
      "an object",
    ),
  },
  "an object",
);

const extraIdRange = `an integer from 0 to ${MOST_EXTRA_IDS}`;

/** The used fields of the files next to `spiece.model`. */
const configFile = z.looseObject(
  {
    extra_ids: z
      .int(extraIdRange)
      .min(0, extraIdRange)
      .max(MOST_EXTRA_IDS, extraIdRange)
      .optional(),
  },
  "an object",
);
const addedTokensFile = z.record(text, z.int("an integer"), "an object");

/** The files of a tokenizer in a repository: the vocabulary, and those that may change it. */
export const tokenizerFiles = (subfolder = ""): readonly WantedFile[] => {
  const [json, spiece, ...others] = fileNames.map((name) => posix.join(subfolder, name));
  return [
    { names: [json, spiece].filter((name) => name !== undefined) },
    ...others.map((name) => ({ names: [name], isOptional: true })),
  ];
};

/**
 * Reads the vocabulary from `tokenizer.json`, otherwise from `spiece.model`, as transformers does. Throws BadFileError with path,
 * position, found and expected if it is not T5's.
 */
export async function readTokenizerFiles(folder: string): Promise<T5Vocabulary> {
  for (const [name, read] of [
    ["tokenizer.json", readTokenizerJson],
    ["spiece.model", readSpieceModel],
  ] as const) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const vocabulary = await read(folder);
    requireUsable(path, vocabulary);
    return vocabulary;
  }
  throw new BadFileError(folder, "files", "tokenizer.json or spiece.model", "neither");
}

/** Finding a word's pieces takes time proportional to the longest one, and so does finding added tokens. */
function requireUsable(path: string, { pieces, addedTokens }: T5Vocabulary): void {
  requireFew(path, "added tokens", addedTokens.length);
  for (const [id, [piece]] of pieces.entries()) requireShort(path, `piece ${id}`, piece);
  for (const { id, content } of addedTokens) requireShort(path, `added token ${id}`, content);
}

function requireShort(path: string, place: string, { length }: string): void {
  if (length <= LONGEST_PIECE) return;
  throw new BadFileError(path, place, `at most ${LONGEST_PIECE} characters`, `${length}`);
}

async function readTokenizerJson(folder: string): Promise<T5Vocabulary> {
  const path = join(folder, "tokenizer.json");
  const file = await readJson(path, tokenizerFile);
  const vocabulary = {
    pieces: file.model.vocab,
    addedTokens: file.added_tokens.map(({ id, content }) => ({ id, content })),
  };
  const { steps, json, charsmap: found } = parseNormalizer(path, file.normalizer);
  const normalizer = steps.length === 0 ? {} : { normalizer: { steps, json } };
  if (found === undefined) return { ...vocabulary, ...normalizer };
  const charsmap = parseCharsmap(path, found.place, found.blob);
  const flags = { addDummyPrefix: true, removeExtraWhitespaces: true };
  return { ...vocabulary, ...normalizer, rules: { charsmap, ...flags, userDefined: [] } };
}

/** The extra ids follow the pieces, the last one first, as in transformers. */
async function readSpieceModel(folder: string): Promise<T5Vocabulary> {
  const path = join(folder, "spiece.model");
  const limits = { expected: "a SentencePiece model", atMost: LARGEST_FILE.tokenizer };
  const spieceModel = await readWhole(path, limits);
  refuseStandIn(path, "a SentencePiece model", spieceModel);
  requireFew(path, "pieces", countPieces(spieceModel));
  const { pieces: modelPieces, special, rules } = parseSentencePieceFile(path, spieceModel);
  for (const [id, token] of specialTokens.entries()) {
    const found = modelPieces[id]?.[0];
    if (found !== token || !special.has(id)) {
      throw new BadFileError(path, `pieces.${id}`, `the special piece "${token}"`, quote(found));
    }
  }
  const config = await readJsonIfThere(join(folder, "tokenizer_config.json"), configFile);
  const known = new Set(modelPieces.map(([piece]) => piece));
  const pieces = [...modelPieces];
  const addedTokens = [...special].map((id) => ({ id, content: modelPieces[id]?.[0] ?? "" }));
  const add = (content: string): void => {
    addedTokens.push({ id: pieces.length, content });
    pieces.push([content, 0]);
  };
  for (let extra = (config?.extra_ids ?? extraIdsOfT5) - 1; extra >= 0; extra--) {
    if (!known.has(`<extra_id_${extra}>`)) add(`<extra_id_${extra}>`);
  }
  const addedPath = join(folder, "added_tokens.json");
  const added = (await readJsonIfThere(addedPath, addedTokensFile)) ?? {};
  for (const [content, id] of Object.entries(added).sort(([, a], [, b]) => a - b)) {
    if (content === "") throw new BadFileError(addedPath, '""', notEmpty, '""');
    if (id === pieces.length) add(content);
    else if (pieces[id]?.[0] !== content) {
      const found = pieces[id] === undefined ? "nothing" : quote(pieces[id][0]);
      throw new BadFileError(
        addedPath,
        quote(content),
        `id ${pieces.length}`,
        `id ${id}, where the vocabulary has ${found}`,
      );
    }
  }
  return { pieces, addedTokens, rules, spieceModel };
}

/**
 * Writes the files that transformers' `T5Tokenizer` and `AutoTokenizer` load, and removes those of another tokenizer that they
 * would read too. A vocabulary from `spiece.model` is written as in the released folders, with that file and without
 * `tokenizer.json`.
 */
export async function writeTokenizerFiles(folder: string, vocabulary: T5Vocabulary): Promise<void> {
  const { addedTokens, spieceModel } = vocabulary;
  const names = { eos_token: eosToken, pad_token: padToken, unk_token: unkToken };
  const extraIds = addedTokens.filter(({ content }) => content.startsWith("<extra_id_"));
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const files = new Map<string, string | Buffer>();
  if (spieceModel === undefined) files.set("tokenizer.json", json(tokenizerJson(vocabulary)));
  else {
    files.set("spiece.model", Buffer.from(spieceModel));
    const added = addedTokens.filter(({ id }) => id >= specialTokens.length);
    const ids = Object.fromEntries(added.map(({ content, id }) => [content, id]));
    files.set("added_tokens.json", json(ids));
  }
  const config = {
    clean_up_tokenization_spaces: false,
    ...names,
    extra_ids: extraIds.length, // transformers adds 100 tokens if this is missing
    tokenizer_class: "T5Tokenizer",
  };
  files.set("tokenizer_config.json", json(config));
  files.set("special_tokens_map.json", json(names));
  await makeFolder(folder);
  for (const [name, content] of files)
    await replaceFile(join(folder, name), [Buffer.from(content)]);
  for (const name of fileNames) {
    if (!files.has(name)) await removeFile(join(folder, name));
  }
}

/**
 * The whole of `tokenizer.json`, with the pipeline of transformers `models/t5/tokenization_t5.py`. That class builds its own
 * pipeline and only takes the vocabulary (and SentencePiece's charsmap) from the file, so that a normalizer such as Lowercase is
 * silently lost there, though not with the tokenizers library itself. A normalizer that was read is written.
 */
function tokenizerJson(vocabulary: T5Vocabulary): object {
  const { pieces, addedTokens, rules, normalizer } = vocabulary;
  const metaspace = {
    type: "Metaspace",
    replacement: "▁",
    prepend_scheme: "always",
    split: true,
  };
  const sequence = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } });
  const eos = { SpecialToken: { id: eosToken, type_id: 0 } };
  const charsmap = rules && Buffer.from(rules.charsmap.blob).toString("base64");
  const normalizers = [
    ...(normalizer?.json ?? []),
    ...(charsmap ? [{ type: "Precompiled", precompiled_charsmap: charsmap }] : []),
  ];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens.map(({ id, content }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer:
      normalizers.length > 1 ? { type: "Sequence", normalizers } : (normalizers[0] ?? null),
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] },
    post_processor: {
      type: "TemplateProcessing",
      single: [sequence("A"), eos],
      pair: [sequence("A"), eos, sequence("B"), eos],
      special_tokens: { [eosToken]: { id: eosToken, ids: [1], tokens: [eosToken] } },
    },
    decoder: metaspace,
    model: { type: "Unigram", unk_id: 2, byte_fallback: false, vocab: pieces },
  };
}
