import { constants as bufferConstants } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { BadFileError, MissingFileError } from "./errors.ts";
import { namingPath, withPath } from "./system-error.ts";

/** Size limits of files that are read whole. */
export const LARGEST_FILE = {
  /** `config.json` and the like: kilobytes in every released model, and tens of them in adapters with ranks by layer. */
  config: 4 * 2 ** 20,
  /** An index of shards: 9 MB in the largest released language model, 90,000 tensors. */
  index: 16 * 2 ** 20,
  /** `tokenizer.json` and `spiece.model`: 2.4 MB in T5, 17 MB in umT5, which has the largest vocabulary of its kind. */
  tokenizer: 24 * 2 ** 20,
  /** A picture: the size of 64 megapixels, the decoding limit, in 16 bits with transparency. */
  picture: 512 * 2 ** 20,
  /** One caption, or one line of a table: a long book has 3 MB of text. */
  caption: 16 * 2 ** 20,
  /** A table in CSV or JSON becomes one string, and this is the longest in Node.js. */
  table: bufferConstants.MAX_STRING_LENGTH,
} as const;

/** Options of {@link readWhole} and {@link readWholeSync}. */
export interface WholeFileOptions {
  /** What the file should have been, for the error: `a JSON file`. */
  readonly expected: string;
  /** In bytes. */
  readonly atMost: number;
  /** What to do if it has more. */
  readonly advice?: string;
}

/** Describes what was found instead of a file. */
export const kindOf = (found: Stats): string =>
  found.isDirectory() ? "a folder" : "a device, pipe or socket";

/** Throws BadFileError unless it is a regular file within that size. */
function requireRegular(path: string, found: Stats, options: WholeFileOptions): void {
  if (!found.isFile()) throw new BadFileError(path, "file", options.expected, kindOf(found));
  requireSize(path, found.size, options);
}

/** Throws BadFileError for a file with more bytes than that. */
export function requireSize(
  path: string,
  size: number,
  { expected, atMost, advice }: WholeFileOptions,
): void {
  if (size <= atMost) return;
  const wanted = `${expected} of at most ${atMost} bytes`;
  throw new BadFileError(path, "file", wanted, `${size} bytes`, advice);
}

/** Rethrows an error from opening a file; that of a missing file becomes a MissingFileError. */
function explain(error: unknown, path: string, { expected }: WholeFileOptions): never {
  const { code } = error as NodeJS.ErrnoException;
  throw code === "ENOENT" || code === "ENOTDIR" ? new MissingFileError(path, expected) : error;
}

/** An open file, and its state when it was opened. */
export interface OpenedFile<F> {
  readonly path: string;
  readonly file: F;
  readonly size: number;
}

/**
 * Opens a regular file that is not too large, without waiting for a pipe's writer. Throws BadFileError, or MissingFileError if
 * there is none; other system errors are thrown as they are.
 */
export function openRegularSync(path: string, options: WholeFileOptions): OpenedFile<number> {
  let file: number | undefined;
  try {
    requireRegular(path, statSync(path), options); // before opening: some devices react to being opened
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(file); // what was opened may be another file by now
    requireRegular(path, found, options);
    return { path, file, size: found.size };
  } catch (error) {
    if (file !== undefined) closeSync(file);
    return explain(error, path, options);
  }
}

/** {@link openRegularSync}, asynchronously. */
export async function openRegular(
  path: string,
  options: WholeFileOptions,
): Promise<OpenedFile<FileHandle>> {
  let file: FileHandle | undefined;
  try {
    requireRegular(path, await stat(path), options);
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    requireRegular(path, found, options);
    return { path, file, size: found.size };
  } catch (error) {
    await file?.close();
    return explain(error, path, options);
  }
}

/** The bytes of a regular file that is not too large; up to the size that it had when it was opened. Throws BadFileError. */
export function readWholeSync(path: string, options: WholeFileOptions): Buffer {
  const opened = openRegularSync(path, options);
  try {
    return readFromSync(opened, 0, opened.size);
  } finally {
    closeSync(opened.file);
  }
}

/** {@link readWholeSync}, asynchronously. */
export async function readWhole(path: string, options: WholeFileOptions): Promise<Buffer> {
  const opened = await openRegular(path, options);
  try {
    return await readFrom(opened, 0, opened.size);
  } finally {
    await opened.file.close();
  }
}

/** The first bytes of a regular file, at most `length`. Throws as {@link openRegular} does. */
export async function readStart(path: string, length: number): Promise<Buffer> {
  const opened = await openRegular(path, { expected: "a file", atMost: Number.POSITIVE_INFINITY });
  try {
    return await readFrom(opened, 0, length);
  } finally {
    await opened.file.close();
  }
}

/** Bytes of a file from a position on, fewer if it ends before. */
export async function readFrom(
  { path, file }: Pick<OpenedFile<FileHandle>, "path" | "file">,
  from: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file
      .read(bytes, done, length - done, from + done)
      .catch(namingPath(path));
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** {@link readFrom}, synchronously. */
export function readFromSync(
  { path, file }: Pick<OpenedFile<number>, "path" | "file">,
  from: number,
  length: number,
): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = withPath(path, () => readSync(file, bytes, done, length - done, from + done));
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
