import textChunk from "png-chunk-text";
import encodeChunks from "png-chunks-encode";
import { z } from "zod";
import { ImageError } from "../errors/index.ts";
import { quote } from "../files/reading/errors.ts";
import { requireShallow } from "../files/reading/python-json.ts";
import { LARGEST_FILE } from "../files/reading/whole-file.ts";
import { readPngText } from "./png-text.ts";

const text = z.string("a string");
const number = z.number("a number");
const integer = z.int("an integer");
const positive = z.int("an integer of at least 1").min(1, "an integer of at least 1");

const MOST_ADAPTERS = 1000;
const MANY_ADAPTERS = `a list of at most ${MOST_ADAPTERS}`;
const adapter = z.object(
  {
    /** The last part of its name or path. */
    name: text,
    scale: number,
    /**
     * The first ten hexadecimal digits of a SHA-256 of its files, or of its tensors if it came from none; one for the transformer's
     * part and one for the text encoder's, with a plus sign between them, if both have their own.
     */
    hash: text.optional(),
  },
  "an object",
);

const pictureMetadata = z.object({
  /** As given, before it was cleaned. */
  prompt: text,
  /** What the picture was guided away from; "" is the trained unconditional. */
  negativePrompt: text.optional(),
  /** Number of denoising steps, `numInferenceSteps` of the call. */
  steps: integer,
  /**
   * The sampler by the name that `schedulerNamed` takes, its `samplerName`: the class in diffusers or, if several samplers share
   * that, a short name such as "dpm-solver++".
   */
  sampler: text,
  /** Strength of classifier-free guidance; 1 or less for none. */
  guidanceScale: number,
  /** Of this picture's noise, from 0 to 2^53 - 1. */
  seed: integer,
  /** A name or path of the weights. */
  model: text.optional(),
  /**
   * The first ten hexadecimal digits of a SHA-256: of the transformer's safetensors files in the order of their names or, for an
   * unpublished run, of its weights and their keys.
   */
  modelHash: text.optional(),
  /** Number type that the transformer computed in. Pictures from before it was recorded have neither it nor the next two fields. */
  dtype: text.optional(),
  /** "int8" for 8-bit weights; absent if the weights were of type `dtype`. */
  quantize: text.optional(),
  /** The adapters that had an effect, in their order; absent if none had. */
  adapters: z.array(adapter, MANY_ADAPTERS).max(MOST_ADAPTERS, MANY_ADAPTERS).optional(),
  /**
   * Anything else that is needed to make the picture again. Pipelines write their options `cleanCaption`, `useResolutionBinning`
   * and `maxSequenceLength` and, if used, `timesteps`, `sigmas`, `guidanceInterval`, `tgate`, `eta` and `strength`; `from`
   * ("picture" or "picture and mask") and `controlImage` (true) for pictures that were given; `batchIndex` and `batchSize` if
   * several pictures drew their noise from one generator.
   */
  extra: z.record(z.string(), z.json(), "an object").optional(),
});

const savedMetadata = pictureMetadata.extend({ width: integer, height: integer });
/** The same for an untrusted file. */
const readMetadata = z.object(
  { ...savedMetadata.shape, steps: positive, width: positive, height: positive },
  "an object",
);

/** How a picture was made; enough to make it again. */
export type PictureMetadata = Readonly<z.infer<typeof pictureMetadata>>;

/** The metadata of a saved picture, with its size in pixels, which is added when it is written. */
export type SavedPictureMetadata = Readonly<z.infer<typeof savedMetadata>>;

/** Our own chunk's keyword; its text is JSON. */
const KEYWORD = "pixart";
/** A record has four levels of nesting. */
const DEEPEST = 16;
const SIGNATURE_BYTES = 8;
/** The signature and IHDR, which comes first and always has 13 bytes. */
const HEADER_BYTES = SIGNATURE_BYTES + 12 + 13;

/**
 * The text format that stable-diffusion-webui (modules/processing.py, `create_infotext`) established and viewers read: prompt,
 * negative prompt, then one line of settings.
 */
export function parametersText(metadata: SavedPictureMetadata): string {
  const settings: Record<string, string | number | undefined> = {
    Steps: metadata.steps,
    Sampler: metadata.sampler,
    "CFG scale": metadata.guidanceScale,
    Seed: metadata.seed,
    Size: `${metadata.width}x${metadata.height}`,
    "Model hash": metadata.modelHash,
    Model: metadata.model,
  };
  const line = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${quoted(String(value))}`)
    .join(", ");
  const negative = metadata.negativePrompt ? [`Negative prompt: ${metadata.negativePrompt}`] : [];
  return [metadata.prompt, ...negative, line].join("\n");
}

/** A PNG with two text chunks after its header: `parameters`, and `pixart` with the whole record. */
export function embedMetadata(png: Uint8Array, metadata: SavedPictureMetadata): Uint8Array {
  const chunks = encodeChunks([
    parametersChunk(parametersText(metadata)),
    textChunk.encode(KEYWORD, asciiJson(metadata)),
  ]);
  return Buffer.concat([
    png.subarray(0, HEADER_BYTES),
    chunks.subarray(SIGNATURE_BYTES),
    png.subarray(HEADER_BYTES),
  ]);
}

/**
 * Reads the metadata that `RgbImage.save` wrote; undefined for a PNG without any. Throws ImageError if it is not a PNG or the
 * record is damaged, and BadFileError if there is no such file.
 */
export async function readPictureMetadata(path: string): Promise<SavedPictureMetadata | undefined> {
  const text = await readPngText(path, KEYWORD, LIMITS);
  if (text === undefined) return undefined;
  const parsed = readMetadata.safeParse(parseJson(path, text), { reportInput: true });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map((key) => `${String(key)}: `).join("") ?? "";
    throw new ImageError(
      path,
      `the "${KEYWORD}" text is not a valid record: ${place}expected ${issue?.message} but found ${quote(issue?.input)}`,
    );
  }
  return parsed.data;
}

/** Limits for reading files: as large as pictures may be, with as many prompts as a book's text. */
const LIMITS = { file: LARGEST_FILE.picture, text: LARGEST_FILE.caption };

function parseJson(path: string, text: string): unknown {
  try {
    requireShallow(text, DEEPEST);
  } catch (error) {
    throw new ImageError(
      path,
      `the "${KEYWORD}" text is not a valid record: it has more than ${DEEPEST} levels`,
      { cause: error },
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ImageError(path, `the "${KEYWORD}" text is not JSON`, { cause: error });
  }
}

/**
 * ASCII goes into a tEXt chunk, which old readers know, anything else into UTF-8 iTXt: libvips reads tEXt as UTF-8, although the
 * PNG specification says Latin-1.
 */
function parametersChunk(text: string): { name: string; data: Uint8Array } {
  const visible = text.replaceAll("\0", "\ufffd");
  if (!/[\u0080-\uffff]/.test(visible)) return textChunk.encode("parameters", visible);
  // Keyword, NUL, not compressed (two zero bytes), no language, no translated keyword.
  const head = Buffer.from("parameters\0\0\0\0\0", "latin1");
  return { name: "iTXt", data: Buffer.concat([head, Buffer.from(visible, "utf8")]) };
}

/** JSON in which everything beyond ASCII is escaped: any text survives a Latin-1 chunk. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The settings line is split at commas and colons, so a value that contains one is quoted. */
function quoted(value: string): string {
  return /[,:"\n]/.test(value) ? JSON.stringify(value) : value;
}
