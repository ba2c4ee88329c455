import type { FileHandle } from "node:fs/promises";
import { DatasetError } from "../errors/index.ts";
import { type Line, LineSplitter, LONGEST_LINE } from "../files/reading/lines.ts";
import { type OpenedFile, openRegular, readFrom } from "../files/reading/whole-file.ts";
import { decodeCaption, utf16Of } from "./caption-text.ts";

/** A line of a file, without white space at its ends. */
export interface FileLine {
  /** Path and line number, counted from 1. */
  readonly where: string;
  readonly text: string;
}

const PIECE = 2 ** 20;

/**
 * The non-empty lines of a file, in UTF-8 or in UTF-16 with a byte order mark. The file is read in chunks: millions of captions
 * exceed Node.js' maximum string length. Throws naming the line, and BadFileError if it is not a regular file.
 */
export async function* linesOf(path: string): AsyncGenerator<FileLine> {
  const splitter = new LineSplitter();
  for await (const piece of piecesOf(path)) {
    for (const line of splitter.add(piece)) yield* textOf(path, line);
    if (splitter.isCutting) throw tooLong(path, splitter.number);
  }
  for (const line of splitter.end()) yield* textOf(path, line);
}

const tooLong = (path: string, number: number): DatasetError =>
  new DatasetError(
    `${path} line ${number}: expected at most ${LONGEST_LINE} bytes but found more; write one object per line`,
  );

function textOf(path: string, { number, bytes, isCut }: Line): FileLine[] {
  if (isCut) throw tooLong(path, number);
  const where = `${path} line ${number}`;
  const text = decodeCaption(bytes)?.trim();
  if (text === undefined) throw new DatasetError(`${where}: expected UTF-8 but found other bytes`);
  return text === "" ? [] : [{ where, text }];
}

/** The bytes of a file: UTF-16 is converted to UTF-8, anything else stays as it is. */
async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  const limits = { expected: "a table of captions", atMost: Number.POSITIVE_INFINITY };
  const opened = await openRegular(path, limits);
  try {
    const encoding = utf16Of(await readFrom(opened, 0, 4));
    if (encoding === undefined) yield* rawPieces(opened);
    else yield* decoded(opened, encoding);
  } finally {
    await opened.file.close();
  }
}

async function* rawPieces(opened: OpenedFile<FileHandle>): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const piece = await readFrom(opened, at, PIECE);
    if (piece.length === 0) return;
    yield piece;
    at += piece.length;
  }
}

async function* decoded(opened: OpenedFile<FileHandle>, encoding: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (piece?: Buffer): Buffer => {
    try {
      return Buffer.from(decoder.decode(piece, { stream: piece !== undefined }));
    } catch (error) {
      throw new DatasetError(`${opened.path}: expected UTF-16 but found other bytes`, {
        cause: error,
      });
    }
  };
  for await (const piece of rawPieces(opened)) yield decode(piece);
  yield decode();
}
