import { join, posix } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { expected } from "../../errors/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { resolveModel } from "../../hub/index.ts";
import { addedToken } from "./tokenizer-files.ts";
import { readJson, readJsonIfThere } from "./tokenizer-json.ts";

const START = "<|startoftext|>";
const END = "<|endoftext|>";
/** Most tokens of a text in every released CLIP, including the first and the last. */
const MAX_LENGTH = 77;

/** A batch of B texts as CLIP reads them, padded on the right to L tokens. */
export interface CLIPTextEncoding {
  /** (B, L) row by row. */
  readonly inputIds: BigInt64Array;
  /** [B, L]. */
  readonly shape: readonly [number, number];
  /** Indices of texts that were too long and truncated. */
  readonly truncated: readonly number[];
}

const text = z.string("a string");
const id = z.int("an integer of at least 0").min(0, "an integer of at least 0");
const tokenizerFile = z.looseObject(
  {
    added_tokens: z.array(addedToken, "a list"),
    model: z.looseObject(
      {
        type: z.literal("BPE", '"BPE"'),
        vocab: z.record(text, id, "an object of ids by token"),
        merges: z.array(
          z.union([text, z.tuple([text, text])], "a pair of tokens"),
          "a list of pairs of tokens",
        ),
      },
      "an object",
    ),
  },
  "an object",
);
const configFile = z.looseObject(
  { pad_token: z.union([text, z.looseObject({ content: text })], "a token").optional() },
  "an object",
);

/**
 * CLIP's tokenizer: byte pairs of lower-cased words, between `<|startoftext|>` and `<|endoftext|>`. Vocabulary and merges come
 * from the file; everything else is CLIP's (transformers `models/clip/tokenization_clip.py`), regardless of the file, as in
 * transformers.
 */
export class CLIPTokenizer {
  /** Ids run from 0 to `vocabSize - 1`. */
  readonly vocabSize: number;
  readonly #tokenizer: Tokenizer;
  readonly #endId: number;
  readonly #padId: number;

  private constructor(path: string, file: z.infer<typeof tokenizerFile>, padToken: string) {
    const { added_tokens: added, model } = file;
    const ids = new Map(Object.entries(model.vocab));
    for (const token of added) ids.set(token.content, token.id);
    const idOf = (token: string): number => {
      const found = ids.get(token);
      if (found !== undefined) return found;
      throw new BadFileError(path, "model.vocab", `the token ${token}`, `${ids.size} others`);
    };
    const ends = { cls: [START, idOf(START)], sep: [END, idOf(END)] };
    this.#endId = idOf(END);
    this.#padId = idOf(padToken);
    this.vocabSize = [...ids.values()].reduce((size, one) => Math.max(size, one + 1), 0);
    this.#tokenizer = new Tokenizer(
      {
        added_tokens: added,
        model: {
          type: "BPE",
          vocab: model.vocab,
          merges: model.merges,
          unk_token: END,
          end_of_word_suffix: "</w>",
        },
        ...PIPELINE,
        post_processor: { type: "RobertaProcessing", ...ends },
      },
      {},
    );
  }

  /**
   * Reads a CLIP tokenizer from a folder, or from the Hub by its name: `tokenizer.json`, and `tokenizer_config.json` for the
   * padding token. Throws BadFileError if the files are not CLIP's.
   */
  static async fromPretrained(
    folderOrName: string,
    {
      subfolder = "",
      revision,
    }: { readonly subfolder?: string; readonly revision?: string | undefined } = {},
  ): Promise<CLIPTokenizer> {
    const [name, configName] = ["tokenizer.json", "tokenizer_config.json"].map((one) =>
      posix.join(subfolder, one),
    ) as [string, string];
    const files = [{ names: [name] }, { names: [configName], isOptional: true }];
    const folder = await resolveModel(folderOrName, { revision, files });
    const path = join(folder, name);
    const file = await readJson(path, tokenizerFile);
    const config = await readJsonIfThere(join(folder, configName), configFile);
    const pad = config?.pad_token ?? END;
    return new CLIPTokenizer(path, file, typeof pad === "string" ? pad : pad.content);
  }

  /** Token ids of texts, each with the first and the last token, padded to `maxLength`; longer texts are truncated. */
  encode(
    texts: readonly string[],
    { maxLength = MAX_LENGTH }: { readonly maxLength?: number } = {},
  ): CLIPTextEncoding {
    if (!Number.isInteger(maxLength) || maxLength < 2) {
      throw expected("an integer of at least 2", "maxLength", maxLength);
    }
    const inputIds = new BigInt64Array(texts.length * maxLength).fill(BigInt(this.#padId));
    const truncated: number[] = [];
    for (const [row, one] of texts.entries()) {
      // Letter by letter: a sigma at the end of a word is treated as elsewhere.
      const { ids } = this.#tokenizer.encode(one.replaceAll("Σ", "σ"));
      const isLong = ids.length > maxLength;
      if (isLong) truncated.push(row);
      const kept = isLong ? [...ids.slice(0, maxLength - 1), this.#endId] : ids;
      inputIds.set(kept.map(BigInt), row * maxLength);
    }
    return { inputIds, shape: [texts.length, maxLength], truncated };
  }
}

/** How CLIP splits texts before byte pairs are merged. */
const PIPELINE = {
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "NFC" },
      { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
      { type: "Lowercase" },
    ],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: {
          Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
        },
        behavior: "Removed",
        invert: true,
      },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  },
  decoder: null,
};
