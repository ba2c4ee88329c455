import { constants as bufferConstants } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { BadFileError } from "./errors.ts";

/** Bytes that files may have which are read whole. */
export const LARGEST_FILE = {
  /** `config.json` and its like: kilobytes in every released model, and tens of them in adapters with ranks by layer. */
  config: 4 * 2 ** 20,
  /** An index of shards: 9 MB in the largest released language model, 90,000 tensors. */
  index: 16 * 2 ** 20,
  /** `tokenizer.json` and `spiece.model`: 2.4 MB in T5, 17 MB in umT5, which has the largest vocabulary of its kind. */
  tokenizer: 24 * 2 ** 20,
  /** One caption, or one line of a table: a long book has 3 MB of text. */
  caption: 16 * 2 ** 20,
  /** A table in CSV or JSON becomes one text, and Node.js has none that is longer. */
  table: bufferConstants.MAX_STRING_LENGTH,
} as const;

/** Which files {@link readWhole} and {@link readWholeSync} take. */
export interface WholeFileOptions {
  /** What the file should have been, for the error: `a JSON file`. */
  readonly expected: string;
  /** In bytes. */
  readonly atMost: number;
  /** What to do where it has more. */
  readonly advice?: string;
}

/** What stands in a file's place. */
export const kindOf = (found: Stats): string =>
  found.isDirectory() ? "a folder" : "a device, pipe or socket";

/** Throws BadFileError unless an open file is a regular one of that size. */
export function requireRegular(
  path: string,
  found: Stats,
  { expected, atMost, advice }: WholeFileOptions,
): void {
  if (!found.isFile()) throw new BadFileError(path, "file", expected, kindOf(found));
  if (found.size > atMost) {
    const wanted = `${expected} of at most ${atMost} bytes`;
    throw new BadFileError(path, "file", wanted, `${found.size} bytes`, advice);
  }
}

/** Opens a file without waiting for a pipe's writer, as O_NONBLOCK does. Throws BadFileError for what is no regular file. */
export function openRegularSync(path: string, expected: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new BadFileError(path, "file", expected, "nothing of that name");
  // Before opening: some devices do something when they are opened.
  if (!found.isFile()) throw new BadFileError(path, "file", expected, kindOf(found));
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const opened = fstatSync(file); // what was opened may be another file by now
  if (opened.isFile()) return file;
  closeSync(file);
  throw new BadFileError(path, "file", expected, kindOf(opened));
}

/** The bytes of a regular file that is not too large; nothing beyond the size that it had when it was opened. Throws BadFileError. */
export function readWholeSync(path: string, options: WholeFileOptions): Buffer {
  const file = openRegularSync(path, options.expected);
  try {
    const found = fstatSync(file);
    requireRegular(path, found, options);
    const bytes = Buffer.allocUnsafe(found.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(file, bytes, length, bytes.length - length, length);
      if (count === 0) break; // cut meanwhile
      length += count;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a regular file that is not too large, without waiting for a pipe's writer. Throws BadFileError; what the system has to
 * say, that there is no such file for one, is thrown as it is.
 */
export async function openRegular(path: string, options: WholeFileOptions): Promise<FileHandle> {
  requireRegular(path, await stat(path), options); // before opening, as above
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    requireRegular(path, await file.stat(), options);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** As {@link readWholeSync}, with the errors of {@link openRegular}. */
export async function readWhole(path: string, options: WholeFileOptions): Promise<Buffer> {
  const file = await openRegular(path, options);
  try {
    const { size } = await file.stat();
    return await readFrom(file, 0, Math.min(size, options.atMost));
  } finally {
    await file.close();
  }
}

/** The first bytes of a regular file, at most `length`. Throws as {@link openRegular} does. */
export async function readStart(path: string, length: number): Promise<Buffer> {
  const limits = { expected: "a file", atMost: Number.POSITIVE_INFINITY };
  const file = await openRegular(path, limits);
  try {
    return await readFrom(file, 0, length);
  } finally {
    await file.close();
  }
}

/** Bytes of a file from a place on, fewer where it ends before. */
export async function readFrom(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, from + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
