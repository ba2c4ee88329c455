import { z } from "zod";
import { InvalidValueError, UnsupportedError } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import { readPictureMetadata, type SavedPictureMetadata } from "../../images/index.ts";
import { MOST_TIMESTEPS } from "../../schedulers/config/most-timesteps.ts";

/** One picture to draw. */
export interface DrawJob {
  readonly prompt: string;
  readonly seed: number;
}

/** `images` pictures of each prompt; each picture takes the next seed. */
export const drawJobs = (
  prompts: readonly string[],
  images: number,
  firstSeed: number,
): DrawJob[] =>
  prompts
    .flatMap((prompt) => Array.from({ length: images }, () => prompt))
    .map((prompt, i) => ({ prompt, seed: firstSeed + i }));

/** The jobs in groups of `size`, each drawn at once. */
export const inBatches = (jobs: readonly DrawJob[], size: number): DrawJob[][] =>
  Array.from({ length: Math.ceil(jobs.length / size) }, (_, i) =>
    jobs.slice(i * size, (i + 1) * size),
  );

/** Known values of a record's `extra.from`. */
const FROM = ["picture", "picture and mask"] as const;

const MANY = `a list of at most ${MOST_TIMESTEPS} numbers`;
/** Timesteps that a record may name: as many as samplers take. */
const timesteps = z.array(z.number("a number"), MANY).max(MOST_TIMESTEPS, MANY).optional();
const flag = z.boolean("true or false").optional();
const wholeFrom = (least: number): z.ZodInt => {
  const expected = `an integer of at least ${least}`;
  return z.int(expected).min(least, expected);
};
const from = (least: number): z.ZodOptional<z.ZodInt> => wholeFrom(least).optional();
const unknownFields = (names: readonly string[]): string =>
  names.length === 0 ? "an object" : `an object without ${names.join(" and ")}`;
const PAIR = "two numbers";

/** The parts of a record's `extra` that decide what is drawn. */
const repeatable = z.looseObject({
  cleanCaption: flag,
  useResolutionBinning: flag,
  maxSequenceLength: from(1),
  timesteps,
  sigmas: timesteps,
  guidanceInterval: z.array(z.number("a number"), PAIR).length(2, PAIR).optional(),
  tgate: z
    .strictObject(
      { gateStep: wholeFrom(1), spInterval: from(1), fiInterval: from(1), warmUp: from(0) },
      { error: ({ code, keys }) => unknownFields(code === "unrecognized_keys" ? keys : []) },
    )
    .optional(),
  eta: z.number("a number").optional(),
  batchIndex: from(0),
  batchSize: from(1),
});

/** The record of a picture that can be drawn again. Throws for a file without one, and if the record alone is not enough. */
export async function recordToRepeat(path: string): Promise<SavedPictureMetadata> {
  const record = await readPictureMetadata(path);
  if (record === undefined) {
    throw new InvalidValueError(
      `${path} contains no record of how it was made: only PNG files written by pixart have one`,
    );
  }
  const { extra = {} } = record;
  const [issue] = repeatable.safeParse(extra, { reportInput: true }).error?.issues ?? [];
  if (issue !== undefined) {
    throw new InvalidValueError(
      `${path}: it cannot be redrawn from its record: extra.${issue.path.join(".")}: expected ${issue.message} but found ${quote(issue.input)}`,
    );
  }
  if (extra.from !== undefined) {
    // The text may be anybody's: only values that this program writes are quoted.
    const from = FROM.find((known) => known === extra.from) ?? "picture";
    throw new InvalidValueError(
      `${path} was drawn from a ${from}, which it does not contain. Repeat it with --init-image`,
    );
  }
  if (extra.controlImage === true) {
    throw new InvalidValueError(
      `${path} was drawn with a control picture, which it does not contain. Repeat it with --control-image`,
    );
  }
  const { batchIndex, batchSize } = extra;
  if (batchSize !== undefined) {
    const which =
      typeof batchIndex === "number" && typeof batchSize === "number"
        ? `picture ${batchIndex + 1} of ${batchSize}`
        : "one of several";
    throw new UnsupportedError(
      `${path} is ${which} that shared one generator, so it cannot be drawn alone`,
    );
  }
  return record;
}
