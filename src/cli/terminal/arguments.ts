import { type Command, InvalidArgumentError } from "commander";
import { MOST_TIMESTEPS } from "../../schedulers/config/most-timesteps.ts";

/** Digits as people write them: what else JavaScript takes for a number, such as 0x10, 0b1 or nothing, is a slip here. */
const WHOLE = /^[-+]?\d+(?:\.0*)?$/;
const DECIMAL = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/**
 * The most that flags may ask for, where a larger number could only fill the memory or the disk; the machine and the model may
 * set less.
 */
export const FLAG_LIMITS = {
  steps: MOST_TIMESTEPS,
  /** Of a command: each is planned before the first is drawn. */
  pictures: 100_000,
  /** In a sheet: 200 rows of five. */
  thumbnails: 1000,
  /** In pixels: no JPEG has more, and one that has is 976 wide at 64 megapixels. */
  side: 65_535,
  /** Of a picture in the latent space: MOST_SAMPLE_SIZE, which stands where the engine is loaded. */
  latentSide: 1000,
  /** Of attention: PixArt has 16, the widest released transformers 128. */
  heads: 1024,
  /** Of a DiT: ImageNet's whole hierarchy has 21,841. */
  classes: 1_000_000,
  /** In tokens. Attention over them takes their square; released models have at most 300. */
  length: 4096,
  /** Files and connections that a process may have open at once are 1,024 in most systems. */
  concurrency: 512,
  /** In tokens: more than any model answers with. */
  answer: 1_000_000,
  restarts: 10_000,
} as const;

/**
 * Reads a flag's value as a whole number from `least` to `most`, which is 2^53 where left out: beyond, another number would be
 * used without a word.
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

/** The long names of the options that a command line has, without those that have their default. */
export const givenFlags = (command: Command): string[] =>
  command.options.flatMap((option) =>
    command.getOptionValueSource(option.attributeName()) === "cli" ? (option.long ?? []) : [],
  );

/** Shows below a command's help how it is used: what comes after `npx pixart`. */
export const withExamples = (command: Command, ...lines: readonly [string, ...string[]]): Command =>
  command.addHelpText(
    "after",
    `\nExample${lines.length > 1 ? "s" : ""}:\n${lines.map((line) => `  npx pixart ${line}`).join("\n")}`,
  );

// What several commands say of the same argument.

export const MODEL: string =
  "a published folder, the name of one in models/ or on the Hub (org/name), a run folder, or one of its checkpoints";
export const REVISION: string =
  "of a model on the Hub: a branch, a tag or a commit (default: main)";
export const DATASET: string =
  "a folder, a .parquet, a .tar, a PixArt list, or the name of a data set on the Hub (org/name)";
/** The short names of samplers; listed here because help is printed where the engine does not load. */
export const SAMPLERS: string =
  "dpm-solver++, sde-dpm-solver++, dpm-solver, sde-dpm-solver, dpm-solver-singlestep, dpm-solver-original, ddim, ddpm, pndm, plms, euler, euler-ancestral, heun, lms, kdpm2, kdpm2-ancestral, deis, unipc, sa-solver, lcm, tcd, dmd, iddpm";
export const QUANTIZE: string =
  "int8: 8-bit weights in the large layers of transformer and text encoder, a quarter of float32's memory";
export const DEVICE: string =
  "auto (a CUDA GPU if there is one), cpu, cuda, or one of several: cuda:1";
