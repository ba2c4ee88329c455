import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { ImageError } from "../errors/index.ts";
import { type OpenedFile, openRegular, readFrom } from "../files/reading/whole-file.ts";

/** Limits of a search for a text in a PNG. */
export interface PngLimits {
  /** Bytes of the whole file. */
  readonly file: number;
  /** Bytes of the text. */
  readonly text: number;
}

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
/** Length and name before a chunk's data, and the checksum after it. */
const HEAD = 8;
const CHECKSUM = 4;
const PIECE = 2 ** 20;
const AHEAD = 2 ** 16;
/** Encoders write pictures of 64 megapixels in chunks of 8 KB, not smaller. */
const MOST_CHUNKS = 2 ** 18;

/**
 * The text of the tEXt chunk with this keyword, in Latin-1; undefined if a PNG has none. Reads the file piece by piece, verifies
 * every chunk's checksum, and only keeps that text. Throws BadFileError for a file that is not regular or too large, and
 * ImageError, within this module a SyntaxError, for one that is not a complete PNG.
 */
export async function readPngText(
  path: string,
  keyword: string,
  { file: atMost, text }: PngLimits,
): Promise<string | undefined> {
  const opened = await openRegular(path, { expected: "a PNG", atMost });
  try {
    return await findText(opened, Buffer.from(`${keyword}\0`, "latin1"), text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ImageError(path, `not a complete PNG: ${error.message}`, { cause: error });
  } finally {
    await opened.file.close();
  }
}

/** Reads bytes of a file from a position on. */
type ReadAt = (from: number, length: number) => Promise<Buffer>;

/** Reads ahead, because a file may have a quarter of a million small chunks. */
function readingAhead(opened: OpenedFile<FileHandle>): ReadAt {
  let start = 0;
  let held: Buffer = Buffer.alloc(0);
  return async (from, length) => {
    if (from < start || from + length > start + held.length) {
      held = await readFrom(opened, from, Math.max(length, AHEAD));
      start = from;
    }
    return held.subarray(from - start, from - start + length);
  };
}

async function findText(
  opened: OpenedFile<FileHandle>,
  prefix: Buffer,
  longest: number,
): Promise<string | undefined> {
  const { size } = opened;
  const readAt = readingAhead(opened);
  const signature = await readAt(0, SIGNATURE.length);
  if (!signature.equals(SIGNATURE)) throw new SyntaxError("it does not start like one");
  let found: string | undefined;
  let at = SIGNATURE.length;
  for (let count = 0; at < size; count += 1) {
    if (count === MOST_CHUNKS) throw new SyntaxError(`it has more than ${MOST_CHUNKS} chunks`);
    const head = await readAt(at, HEAD + prefix.length);
    const length = head.length < HEAD ? size : head.readUInt32BE(0);
    const end = at + HEAD + length + CHECKSUM;
    if (end > size) throw new SyntaxError("a chunk is longer than the file");
    const name = head.toString("latin1", 4, HEAD);
    const isWanted =
      found === undefined &&
      name === "tEXt" &&
      length >= prefix.length &&
      head.subarray(HEAD).equals(prefix);
    if (isWanted && length > longest) {
      throw new SyntaxError(`its text has ${length} bytes; at most ${longest} are read`);
    }
    const data = await checked(readAt, at + 4, length + 4, name, isWanted);
    if (data !== undefined) found = data.toString("latin1", 4 + prefix.length);
    at = end;
  }
  return found;
}

/** Verifies the checksum of a chunk's name and data, and returns them if they are wanted. */
async function checked(
  readAt: ReadAt,
  from: number,
  length: number,
  name: string,
  isWanted: boolean,
): Promise<Buffer | undefined> {
  let sum = 0;
  let kept: Buffer | undefined;
  for (let done = 0; done < length; ) {
    const piece = await readAt(from + done, isWanted ? length : Math.min(PIECE, length - done));
    if (piece.length === 0) throw new SyntaxError("it was truncated while it was being read");
    sum = crc32(piece, sum);
    if (isWanted) kept = piece;
    done += piece.length;
  }
  const stored = await readAt(from + length, CHECKSUM);
  if (stored.length < CHECKSUM || stored.readUInt32BE(0) !== sum) {
    throw new SyntaxError(`the checksum of a chunk ${name} is wrong`);
  }
  return kept;
}
