import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../../files/make-below.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { replaceFileSync } from "../../files/replace-file.ts";

/** Loss statistics of one training picture. */
export interface PictureLoss {
  readonly picture: string;
  /** How often it was trained on. */
  readonly seen: number;
  /** Mean of its losses. */
  readonly loss: number;
  /** Mean of the usual losses, over all pictures, at its timesteps and at the time. */
  readonly expected: number;
  /** Mean number of standard deviations by which its losses exceeded that. */
  readonly score: number;
}

/** A run folder's record of a stage's training pictures. */
export interface PictureLosses {
  readonly stage: string;
  /** Steps done when it was written. */
  readonly step: number;
  /** The step after which recording began. */
  readonly since: number;
  readonly pictures: readonly PictureLoss[];
}

/** Inside a run folder. */
export const LOSSES_FOLDER = "losses";
/** `losses/<stage>.jsonl` in a run folder. */
const fileOf = (run: string, stage: string): string => join(run, LOSSES_FOLDER, `${stage}.jsonl`);

/** Writes the statistics of a stage's pictures: a line with the step, then one line per picture. */
export function writePictureLosses(
  run: string,
  { stage, step, since, pictures }: PictureLosses,
): void {
  makeBelow(run, LOSSES_FOLDER);
  const lines = [{ stage, step, since }, ...pictures].map((line) => `${JSON.stringify(line)}\n`);
  replaceFileSync(fileOf(run, stage), lines.join(""));
}

/** Reads what {@link writePictureLosses} wrote; undefined if the stage has no checkpoint yet. Throws BadFileError. */
export function readPictureLosses(run: string, stage: string): PictureLosses | undefined {
  const file = fileOf(run, stage);
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const [head, ...pictures] = lines.map((line, i): unknown => {
    try {
      return JSON.parse(line);
    } catch {
      throw new BadFileError(file, `line ${i + 1}`, "a JSON object", quote(line));
    }
  });
  return { ...(head as Omit<PictureLosses, "pictures">), pictures: pictures as PictureLoss[] };
}
