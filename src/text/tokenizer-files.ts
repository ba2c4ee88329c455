import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import type { WantedFile } from "../hub/index.ts";
import type { Piece } from "./unigram.ts";

/** What sets one T5 tokenizer apart from another; the rest of `tokenizer.json` is the same for all. */
export interface T5Vocabulary {
  /** Id by position; begins with the special tokens. */
  readonly pieces: readonly Piece[];
  /** Tokens that are found in the text as it is, before it is split into words. */
  readonly addedTokens: readonly AddedToken[];
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** The first three entries of every T5 vocabulary. */
export const specialTokens: readonly ["<pad>", "</s>", "<unk>"] = ["<pad>", "</s>", "<unk>"];
const [padToken, eosToken, unkToken] = specialTokens;

const text = z.string("a string");
const score = z.number("a number");
const addedToken = z.looseObject({ id: z.int("an integer"), content: text }, "an object");
const tokenizerFile = z.looseObject(
  {
    added_tokens: z.array(addedToken, "a list"),
    normalizer: z.null("null (normalisation rules are not supported)"),
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

/** The files of a tokenizer in a repository. */
export const tokenizerFiles = (subfolder = ""): readonly WantedFile[] => [
  { names: [posix.join(subfolder, "tokenizer.json")] },
];

/** Reads the vocabulary out of `tokenizer.json`; throws with path, key, found and expected where it is not T5's. */
export async function readTokenizerFiles(folder: string): Promise<T5Vocabulary> {
  const path = join(folder, "tokenizer.json");
  const parsed = tokenizerFile.safeParse(await readJson(folder, path), { reportInput: true });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join(".") || "the whole file";
    const found = JSON.stringify(issue?.input)?.slice(0, 80) ?? "nothing";
    throw new Error(`${path}: expected ${issue?.message} for ${key} but found ${found}`);
  }
  return {
    pieces: parsed.data.model.vocab,
    addedTokens: parsed.data.added_tokens.map(({ id, content }) => ({ id, content })),
  };
}

async function readJson(folder: string, path: string): Promise<unknown> {
  if (!existsSync(path)) {
    throw new Error(
      existsSync(join(folder, "spiece.model"))
        ? `${path}: expected a file but found only spiece.model. Make tokenizer.json out of it in Python: transformers.T5Tokenizer.from_pretrained(folder).save_pretrained(folder)`
        : `${path}: expected a file but found none`,
    );
  }
  const content = await readFile(path, "utf8");
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new Error(`${path}: expected JSON but found ${(cause as Error).message}`, { cause });
  }
}

/** Writes the files that transformers' `T5Tokenizer` and `AutoTokenizer` load. */
export async function writeTokenizerFiles(folder: string, vocabulary: T5Vocabulary): Promise<void> {
  const names = { eos_token: eosToken, pad_token: padToken, unk_token: unkToken };
  const extraIds = vocabulary.addedTokens.filter(({ content }) => content.startsWith("<extra_id_"));
  const files = {
    "tokenizer.json": tokenizerJson(vocabulary),
    "tokenizer_config.json": {
      clean_up_tokenization_spaces: false,
      ...names,
      extra_ids: extraIds.length, // transformers adds 100 tokens where this is left out
      tokenizer_class: "T5Tokenizer",
    },
    "special_tokens_map.json": names,
  };
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await writeFileAtomic(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
  }
}

/**
 * The whole of `tokenizer.json`, with the pipeline of transformers `models/t5/tokenization_t5.py`. That class builds
 * its own pipeline and takes only the vocabulary (and SentencePiece's charsmap) from the file, so a normaliser such as
 * Lowercase written here would be lost in Python without a word.
 */
export function tokenizerJson({ pieces, addedTokens }: T5Vocabulary): object {
  const metaspace = {
    type: "Metaspace",
    replacement: "▁",
    prepend_scheme: "always",
    split: true,
  };
  const sequence = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } });
  const eos = { SpecialToken: { id: eosToken, type_id: 0 } };
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
    normalizer: null,
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
