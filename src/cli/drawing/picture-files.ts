import { statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { TargetExistsError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { renameToFree } from "../../files/rename.ts";
import { Staging } from "../../files/staging.ts";
import { syncFolder } from "../../files/sync-folder.ts";
import { RgbImage } from "../../images/index.ts";
import { FLAG_LIMITS } from "../terminal/arguments.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import type { DrawJob } from "./draw-jobs.ts";
import { type LabelledImage, thumbnailSheet } from "./thumbnail-sheet.ts";

/** Where drawn pictures go: one into a named file, or any number into a folder. */
export type PictureOutput = { readonly file: string } | { readonly folder: string };

const OTHER_FORMATS: ReadonlySet<string> = new Set([
  ".jpg",
  ".jpeg",
  ".webp",
  ".avif",
  ".gif",
  ".tif",
  ".tiff",
  ".bmp",
  ".heic",
  ".jxl",
]);

/** What `--out` means for this number of pictures. Throws for a file that exists, and for one that cannot hold them. */
export function pictureOutput(out: string, pictures: number): PictureOutput {
  const found = statSync(out, { throwIfNoEntry: false });
  if (found?.isDirectory()) return { folder: out };
  const extension = extname(out).toLowerCase();
  if (OTHER_FORMATS.has(extension)) {
    throw new UsageError(
      `Expected a folder or a .png file for --out but received ${out}: only a PNG remembers how it was drawn`,
    );
  }
  const isPng = extension === ".png";
  if (isPng && pictures > 1) {
    throw new UsageError(
      `Expected a folder for --out, into which ${pictures} pictures go, but received the file ${out}`,
    );
  }
  if (found !== undefined) {
    throw new UsageError(
      `Expected a new file or a folder for --out but received ${out}, which exists`,
    );
  }
  return isPng ? { file: out } : { folder: out };
}

const LONGEST_STEM = { letters: 60, bytes: 180 } as const;

// Two characters that are not letters join scripts and pictographs: U+200C and U+200D.
const NOT_OF_NAMES = /[^\p{L}\p{M}\p{N}\p{Extended_Pictographic}\u200c\u200d]+/gu;
const AT_ENDS = /^(?:-|\u200c|\u200d)+|(?:-|\u200c|\u200d)+$/g;

/** A prompt as the beginning of a file name: its letters and digits, of any script, and pictographs. */
export function promptStem(prompt: string): string {
  if (prompt.trim() === "") return "unconditional";
  const words = prompt
    .normalize("NFC")
    .toLowerCase()
    .replace(NOT_OF_NAMES, "-")
    .replace(AT_ENDS, "");
  let stem = "";
  let letters = 0;
  for (const { segment } of new Intl.Segmenter().segment(words)) {
    const isLonger = Buffer.byteLength(stem + segment) > LONGEST_STEM.bytes;
    if (letters === LONGEST_STEM.letters || isLonger) break;
    stem += segment;
    letters++;
  }
  return stem.replace(AT_ENDS, "") || "picture";
}

/** A picture's name in a folder, unless the name is taken. */
const nameOf = ({ prompt, seed }: DrawJob): string => `${promptStem(prompt)}-${seed}`;

/** `folder/name.png`, or with a number from 2 on: `folder/name-2.png`. */
const numbered = (folder: string, name: string, number: number): string =>
  join(folder, `${name}${number === 1 ? "" : `-${number}`}.png`);

/** The file of a picture that was saved with a number. */
export const pictureFile = (output: PictureOutput, job: DrawJob, number: number): string =>
  "file" in output ? output.file : numbered(output.folder, nameOf(job), number);

/**
 * Saves a picture without overwriting another, however many commands write into the folder. Returns the number in its name; 1 for
 * none. Throws if `--out` named a file and it exists by now.
 */
export async function savePicture(
  image: RgbImage,
  output: PictureOutput,
  job: DrawJob,
): Promise<number> {
  if (!("file" in output)) return saveNumbered(image, output.folder, nameOf(job));
  await using staging = await Staging.beside(output.file);
  await image.save(staging.path);
  if (await takesName(staging.path, output.file)) return 1;
  throw new TargetExistsError(
    `Expected a new file for --out but ${output.file} has appeared in the meantime`,
  );
}

/**
 * Saves a contact sheet of a command's pictures next to those of earlier commands, and returns its file. Of more than 1000
 * pictures it shows the first, and says so.
 * @param labels of the pictures, in the same order
 */
export async function saveSheet(
  files: readonly string[],
  labels: readonly string[],
  folder: string,
): Promise<string> {
  const shown = files.slice(0, FLAG_LIMITS.thumbnails);
  if (shown.length < files.length)
    say(`The contact sheet shows the first ${shown.length} of ${files.length} pictures`);
  const read = async (file: string, index: number): Promise<LabelledImage> => ({
    image: await RgbImage.decode(file),
    label: labels[index] ?? "",
  });
  const sheet = await thumbnailSheet(shown, read, Math.ceil(Math.sqrt(shown.length)));
  return numbered(folder, "sheet", await saveNumbered(sheet, folder, "sheet"));
}

async function saveNumbered(image: RgbImage, folder: string, name: string): Promise<number> {
  await using staging = await Staging.beside(numbered(folder, name, 1));
  await image.save(staging.path);
  let number = 1;
  while (!(await takesName(staging.path, numbered(folder, name, number)))) number++;
  return number;
}

/** Gives a picture its name; false if the name is taken. */
async function takesName(path: string, name: string): Promise<boolean> {
  try {
    await renameToFree(path, name);
    await syncFolder(dirname(name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

const SHOWN = 3;

/** Prints which pictures have another name than their prompt and seed alone would give. */
export function sayRenamed(
  output: PictureOutput,
  saved: readonly { readonly job: DrawJob; readonly number: number }[],
): void {
  const renamed = saved.filter(({ number }) => number > 1);
  for (const { job, number } of renamed.slice(0, SHOWN)) {
    say(
      `${pictureFile(output, job, 1)} is an earlier picture and stays: the new one is ${pictureFile(output, job, number)}`,
    );
  }
  if (renamed.length > SHOWN) say(`and likewise ${renamed.length - SHOWN} more`);
}

/** Creates the folder for pictures. */
export async function makeOutputFolder(output: PictureOutput): Promise<void> {
  await makeFolder("file" in output ? dirname(output.file) : output.folder);
}
