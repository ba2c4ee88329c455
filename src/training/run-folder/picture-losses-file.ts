import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../../files/make-below.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { linesToBytes, readLines } from "../../files/reading/lines.ts";
import { replaceFile } from "../../files/replace-file.ts";

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
export async function writePictureLosses(run: string, losses: PictureLosses): Promise<void> {
  makeBelow(run, LOSSES_FOLDER);
  await replaceFile(fileOf(run, losses.stage), linesToBytes(linesOf(losses)));
}

function* linesOf({ stage, step, since, pictures }: PictureLosses): Generator<string> {
  yield JSON.stringify({ stage, step, since });
  for (const picture of pictures) yield JSON.stringify(picture);
}

/** Reads what {@link writePictureLosses} wrote; undefined if the stage has no checkpoint yet. Throws BadFileError. */
export async function readPictureLosses(
  run: string,
  stage: string,
): Promise<PictureLosses | undefined> {
  const file = fileOf(run, stage);
  if (!existsSync(file)) return undefined;
  let head: Omit<PictureLosses, "pictures"> | undefined;
  const pictures: PictureLoss[] = [];
  for await (const lines of readLines(file)) {
    for (const { number, bytes } of lines) {
      const text = bytes.toString();
      if (text.trim() === "") continue;
      const line = parseLine(file, number, text);
      if (head === undefined) head = line as Omit<PictureLosses, "pictures">;
      else pictures.push(line as PictureLoss);
    }
  }
  if (head === undefined) throw notAnObject(file, 1);
  return { ...head, pictures };
}

/** The statistics of the last of these stages that has any; undefined if none has. Throws BadFileError. */
export async function lastPictureLosses(
  run: string,
  stages: readonly string[],
): Promise<PictureLosses | undefined> {
  for (const stage of stages.toReversed()) {
    const losses = await readPictureLosses(run, stage);
    if (losses !== undefined) return losses;
  }
  return undefined;
}

function parseLine(file: string, number: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notAnObject(file, number, text);
  }
}

const notAnObject = (file: string, number: number, text = ""): BadFileError =>
  new BadFileError(file, `line ${number}`, "a JSON object", quote(text));
