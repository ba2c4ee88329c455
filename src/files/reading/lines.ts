import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { namingPath, withPath } from "./system-error.ts";
import { LARGEST_FILE, readFromSync } from "./whole-file.ts";

const LINE_FEED = 10;
/** Bytes per read. */
const PIECE_BYTES = 2 ** 20;
/** Bytes per read when searching backwards: most lines are shorter. */
const END_BYTES = 2 ** 16;

/** Characters joined into one chunk. */
const CHUNK_LENGTH = 2 ** 18;

/** Of a longer line only this many bytes are kept: a damaged file may have no line feeds at all. */
export const LONGEST_LINE: number = LARGEST_FILE.caption;

/** A line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Without the line feed; the first {@link LONGEST_LINE} bytes of a longer line. */
  readonly bytes: Buffer;
  /** Whether the line is longer than that. */
  readonly isCut: boolean;
  /** Where the next line starts, in bytes. */
  readonly next: number;
  /** Whether a line feed ends it: only the last line can lack one. */
  readonly isWhole: boolean;
}

/** Lines as the bytes of a file, chunk by chunk: millions of lines exceed the maximum string length. */
export function* linesToBytes(lines: Iterable<string>): Generator<Uint8Array> {
  let some = "";
  for (const line of lines) {
    some += `${line}\n`;
    if (some.length < CHUNK_LENGTH) continue;
    yield Buffer.from(some);
    some = "";
  }
  if (some !== "") yield Buffer.from(some);
}

/** Splits bytes that arrive in pieces into lines. */
export class LineSplitter {
  #parts: Buffer[] = [];
  /** Bytes of the current line so far. */
  #length = 0;
  #number = 1;
  #next = 0;

  /** Number of the current line, counted from 1. */
  get number(): number {
    return this.#number;
  }

  /** Whether the current line is already longer than {@link LONGEST_LINE}. */
  get isCutting(): boolean {
    return this.#length > LONGEST_LINE;
  }

  /** The lines that end in the next piece, which must not change afterwards. */
  add(piece: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = piece.indexOf(LINE_FEED, start);
      if (end < 0) break;
      this.#keep(piece.subarray(start, end));
      lines.push(this.#take(true));
      start = end + 1;
    }
    this.#keep(piece.subarray(start));
    return lines;
  }

  /** The last line after all pieces, if it has bytes but no line feed. */
  end(): Line[] {
    return this.#length === 0 ? [] : [this.#take(false)];
  }

  #keep(part: Buffer): void {
    if (part.length > 0 && this.#length < LONGEST_LINE) this.#parts.push(part);
    this.#length += part.length;
  }

  #take(isWhole: boolean): Line {
    const [only = Buffer.alloc(0)] = this.#parts;
    const bytes = this.#parts.length > 1 ? Buffer.concat(this.#parts) : only;
    this.#next += this.#length + (isWhole ? 1 : 0);
    const line = {
      number: this.#number,
      bytes: bytes.subarray(0, LONGEST_LINE),
      isCut: this.isCutting,
      next: this.#next,
      isWhole,
    };
    this.#number += 1;
    this.#parts = [];
    this.#length = 0;
    return line;
  }
}

/** The lines of a file of any size, some at a time. Throws the system's errors, with the path. */
export async function* readLines(path: string): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter();
  const file = await open(path, "r");
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES).catch(namingPath(path));
      if (bytesRead === 0) break;
      yield splitter.add(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  yield splitter.end();
}

/** The JSON value of each line of a file of any size. Throws SyntaxError, and the system's errors with the path. */
export async function* readJsonLines(path: string): AsyncGenerator<unknown> {
  for await (const lines of readLines(path))
    for (const { bytes } of lines) yield JSON.parse(bytes.toString());
}

/** The lines of a file of any size, one at a time. Throws the system's errors, with the path. */
export function* readLinesSync(path: string): Generator<Line> {
  const splitter = new LineSplitter();
  const file = openSync(path, "r");
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const count = withPath(path, () => readSync(file, piece, 0, PIECE_BYTES, null));
      if (count === 0) break;
      yield* splitter.add(piece.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
  yield* splitter.end();
}

/** The end of a file after its last line feed. */
export interface UnfinishedLine {
  /** Where it starts, in bytes. */
  readonly start: number;
  /** At most {@link LONGEST_LINE} of its bytes. */
  readonly bytes: Buffer;
}

/**
 * What follows a file's last line feed, read from the end; undefined if nothing does. Throws the system's errors, with the path.
 */
export function unfinishedLineOf(path: string): UnfinishedLine | undefined {
  const file = openSync(path, "r");
  const read = (from: number, to: number): Buffer => readFromSync({ path, file }, from, to - from);
  try {
    const { size } = fstatSync(file);
    const start = afterLastLineFeed(read, size);
    if (start === size) return undefined;
    return { start, bytes: read(start, Math.min(size, start + LONGEST_LINE)) };
  } finally {
    closeSync(file);
  }
}

/** The position after the last line feed of `size` bytes; 0 if there is none. */
function afterLastLineFeed(read: (from: number, to: number) => Buffer, size: number): number {
  for (let end = size; end > 0; end -= END_BYTES) {
    const from = Math.max(0, end - END_BYTES);
    const at = read(from, end).lastIndexOf(LINE_FEED);
    if (at >= 0) return from + at + 1;
  }
  return 0;
}
