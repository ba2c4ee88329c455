import { type Command, InvalidArgumentError } from "commander";
import { MOST_TIMESTEPS } from "../../schedulers/config/most-timesteps.ts";

/**
 * Digits as people write them. Whatever else JavaScript reads as a number, such as 0x10, 0b1 or an empty text, is a typo here.
 */
const WHOLE = /^[-+]?\d+(?:\.0*)?$/;
const DECIMAL = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/**
 * Upper limits of flags: larger numbers could only fill the memory or the disk. The machine and the model may set lower ones.
 */
export const FLAG_LIMITS = {
  steps: MOST_TIMESTEPS,
  /** Per command: all are planned before the first is drawn. */
  pictures: 100_000,
  /** In a sheet: 200 rows of five. */
  thumbnails: 1000,
  /** In pixels: no JPEG has more, and one that has as many is 976 wide at 64 megapixels. */
  side: 65_535,
  /** Of a picture in the latent space: MOST_SAMPLE_SIZE, whose file loads the engine. */
  latentSide: 1000,
  /** Attention heads: PixArt has 16, the widest released transformers 128. */
  heads: 1024,
  /** Classes of a DiT: ImageNet's whole hierarchy has 21,841. */
  classes: 1_000_000,
  /** In tokens. Attention grows with their square; released models have at most 300. */
  length: 4096,
  /** Most systems let a process have 1,024 files and connections open at once. */
  concurrency: 512,
  /** In tokens: longer than any model's answer. */
  answer: 1_000_000,
  restarts: 10_000,
} as const;

/**
 * Reads a flag's value as a whole number from `least` to `most`. The default of `most` is 2^53 - 1: above, another number would
 * be used silently.
 */
export const wholeNumber =
  (least: number, most: number = Number.MAX_SAFE_INTEGER): ((text: string) => number) =>
  (text) => {
    const value = WHOLE.test(text.trim()) ? Number(text) : Number.NaN;
    if (Number.isInteger(value) && value > most) {
      throw new InvalidArgumentError(`Expected a whole number up to ${most}.`);
    }
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
    }
    return value;
  };

/** Reads a flag's value as a number. */
export const number = (text: string): number => {
  const value = DECIMAL.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new InvalidArgumentError("Expected a number.");
  return value;
};

/** Reads a flag's value as numbers with commas between them. */
export const numbers = (text: string): number[] => text.split(",").map(number);

/** Reads a flag's value as names with commas between them. */
export const names = (text: string): string[] => {
  const list = text.split(",").map((name) => name.trim());
  if (list.includes("")) throw new InvalidArgumentError("Expected names with commas between them.");
  return list;
};

/** The long names of the options given on the command line, without defaults. */
export const givenFlags = (command: Command): string[] =>
  command.options.flatMap((option) =>
    command.getOptionValueSource(option.attributeName()) === "cli" ? (option.long ?? []) : [],
  );

/** Adds examples below a command's help; `lines` are what follows `npx pixart`. */
export const withExamples = (command: Command, ...lines: readonly [string, ...string[]]): Command =>
  command.addHelpText(
    "after",
    `\nExample${lines.length > 1 ? "s" : ""}:\n${lines.map((line) => `  npx pixart ${line}`).join("\n")}`,
  );

// Help texts that several commands share.

export const MODEL: string =
  "a published folder, the name of one in models/ or on the Hub (org/name), a run folder, or one of its checkpoints";
export const REVISION: string = "branch, tag or commit of a model on the Hub (default: main)";
export const DATASET: string =
  "a folder, a .parquet, a .tar, a PixArt list, or the name of a data set on the Hub (org/name)";
/** The short names of samplers; listed here because help must work even if the engine does not load. */
export const SAMPLERS: string =
  "dpm-solver++, sde-dpm-solver++, dpm-solver, sde-dpm-solver, dpm-solver-singlestep, dpm-solver-original, ddim, ddpm, pndm, plms, euler, euler-ancestral, heun, lms, kdpm2, kdpm2-ancestral, deis, unipc, sa-solver, lcm, tcd, dmd, iddpm";
export const QUANTIZE: string =
  "int8: 8-bit weights in the large layers of transformer and text encoder, a quarter of float32's memory";
export const DEVICE: string =
  "auto (a CUDA GPU if there is one), cpu, cuda, or one of several: cuda:1";
