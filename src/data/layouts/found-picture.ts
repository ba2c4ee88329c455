import { isAbsolute } from "node:path";
import { BadFileError, MissingFileError, quote } from "../../files/reading/errors.ts";
import { readStart } from "../../files/reading/whole-file.ts";
import {
  ACCEPTED_FORMATS,
  type ImageFormat,
  SNIFFED_BYTES,
  sniffImage,
} from "../../images/index.ts";
import type { ControlPicture, Unreadable } from "../dataset.ts";
import { leadsOutside, OUTSIDE, readPictureWithin, type Within } from "./reading-bounds.ts";

/** A picture listed by a layout; it becomes an entry once it has a caption. */
export interface FoundPicture {
  readonly file: string;
  readonly path: string;
  readonly text: string | undefined;
  /** All captions, `text` first, if there are several. */
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  /** The shard or table that contains it, below the folder; undefined if it is a separate file. */
  readonly container?: string | undefined;
  read(): Promise<Uint8Array>;
  readonly control?: ControlPicture | undefined;
}

/** Contents of a layout's files, in any order. */
export interface FoundPictures {
  readonly pictures: readonly FoundPicture[];
  readonly unreadable: readonly Unreadable[];
  readonly leftOut: readonly Unreadable[];
}

/** A control picture in a separate file. */
export const controlFile = (path: string, within: Within): ControlPicture => ({
  path,
  read: () => readPictureWithin(path, within),
});

/** What is known of a picture in a separate file. */
export interface PictureFileOptions extends Omit<FoundPicture, "read"> {
  readonly within: Within;
}

/** A picture in a separate file. */
export class PictureFile implements FoundPicture {
  readonly file: string;
  readonly path: string;
  readonly text: string | undefined;
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly control: ControlPicture | undefined;
  readonly container: string | undefined;
  readonly #within: Within;

  constructor(options: PictureFileOptions) {
    const { file, path, text, captions, columns, control, container, within } = options;
    this.file = file;
    this.path = path;
    this.text = text;
    this.captions = captions;
    this.columns = columns;
    this.control = control;
    this.container = container;
    this.#within = within;
  }

  read(): Promise<Uint8Array> {
    return readPictureWithin(this.path, this.#within);
  }
}

/** Whether a name from an untrusted file stays below its target folder, on any system. */
export const isInnerPath = (name: string): boolean =>
  name !== "" &&
  !isAbsolute(name) &&
  !/^[a-z]:|^\\|\0/i.test(name) &&
  !name.split(/[\\/]/).some((part) => part === ".." || part === "." || part === "");

/** Why a picture can't be used, judged by its first bytes. */
export function refusedBytes(head: Uint8Array): string | undefined {
  const sniffed = sniffImage(head);
  return "found" in sniffed ? `expected ${ACCEPTED_FORMATS} but found ${sniffed.found}` : undefined;
}

/** Where a picture's file is named, and what to write there if no file has that name. */
export interface FileNamed {
  readonly where: string;
  readonly suggestion?: string | undefined;
}

/** Why a picture's file can't be used, judged by its place and first bytes; `named` is where it is named. */
export async function refusedFile(
  path: string,
  named: FileNamed | undefined,
  within: Within,
): Promise<string | undefined> {
  if (await leadsOutside(path, within)) return OUTSIDE;
  try {
    return refusedBytes(await readStart(path, SNIFFED_BYTES));
  } catch (error) {
    if (error instanceof MissingFileError && named !== undefined) {
      const advice =
        named.suggestion === undefined
          ? ""
          : `; names are relative to the table: write ${quote(named.suggestion)}`;
      return `there is no such file (named at ${named.where})${advice}`;
    }
    if (error instanceof BadFileError) return error.reason;
    const { code, message } = error as NodeJS.ErrnoException;
    return `can't be opened (${code ?? message})`;
  }
}

/** The format of a picture, from its first bytes; undefined for any other file, and if it can't be opened. */
export async function formatOf(path: string): Promise<ImageFormat | undefined> {
  const sniffed = sniffImage(await readStart(path, SNIFFED_BYTES).catch(() => new Uint8Array()));
  return "format" in sniffed ? sniffed.format : undefined;
}
