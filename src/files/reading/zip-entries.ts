import yauzl, { type Entry, type LocalFileHeader, type ZipFile } from "yauzl";
import { BadFileError, quote } from "./errors.ts";
import type { RegularFile } from "./regular-file.ts";

/** Position of an entry's bytes in the archive's file. */
export interface ZipSpan {
  readonly offset: number;
  readonly length: number;
}

/** An entry, described alike by both of its headers. */
export interface ZipEntry extends ZipSpan {
  readonly isDeflated: boolean;
  /** Unpacked size in bytes; only a claim if it is deflated. */
  readonly size: number;
  /** Checksum of the unpacked bytes. */
  readonly crc32: number;
}

/** Whether entries may be deflated, and how errors describe what they should be. */
export interface ZipRules {
  readonly mayDeflate: boolean;
  readonly expected: string;
}

const STORED = 0;
const DEFLATED = 8;

/** An entry costs three reads; a model with its optimizer has a few thousand. */
const MOST_ENTRIES = 200_000;
/** The record at the end of every zip; for a smaller file yauzl answers asynchronously. */
const SMALLEST_ZIP = 22;
/** Sizes follow the data instead of preceding it, as torch writes them. */
const HAS_DATA_DESCRIPTOR = 0x8;
const IN_ZIP64_FIELD = 0xffffffff;

/** Answers synchronously, so that yauzl, which uses callbacks, can be used from synchronous code. */
class SynchronousReader extends yauzl.RandomAccessReader {
  readonly #file: RegularFile;

  constructor(file: RegularFile) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      buffer.set(this.#file.read(position, length), offset);
    } catch (error) {
      if (!(error instanceof BadFileError)) throw error;
      failure = error;
    }
    callback(failure);
  }
}

/**
 * The entries of a zip by name. Stricter than a general reader, because all readers that a file will meet must agree about it:
 * every entry is packed as the rules allow, has a unique name, is described alike in both of its headers, and does not overlap
 * others. Throws BadFileError otherwise.
 */
export function zipEntries(
  file: RegularFile,
  { mayDeflate, expected }: ZipRules,
): ReadonlyMap<string, ZipEntry> {
  const fail = (place: string, expected: string, found: string, advice?: string): BadFileError =>
    new BadFileError(file.path, place, expected, found, advice);
  const broken = (error: Error): BadFileError =>
    error instanceof BadFileError
      ? error
      : fail("zip", "a well-formed archive", quote(error.message));

  if (file.size < SMALLEST_ZIP) throw fail("zip", "an archive", `a file of ${file.size} bytes`);
  const zip = atOnce<ZipFile>(broken, (done) =>
    yauzl.fromRandomAccessReader(
      new SynchronousReader(file),
      file.size,
      { lazyEntries: true, autoClose: false, strictFileNames: true },
      done,
    ),
  );
  if (!(zip.entryCount <= MOST_ENTRIES)) {
    throw fail("zip", `at most ${MOST_ENTRIES} entries`, `${zip.entryCount}`);
  }

  const entries = new Map<string, ZipEntry>();
  const occupied: (ZipSpan & { readonly name: string })[] = [];
  for (let i = 0; i < zip.entryCount; i++) {
    const entry = nextEntry(zip, broken);
    const name = entry.fileName;
    const place = `entry ${quote(name)}`;
    if (entries.has(name)) throw fail(place, "each name once", "it again");
    const isDeflated = entry.compressionMethod === DEFLATED;
    const isKnown = entry.compressionMethod === STORED || (isDeflated && mayDeflate);
    if (!isKnown || entry.isEncrypted()) {
      throw fail(place, expected, entry.isEncrypted() ? "an encrypted one" : "a compressed one");
    }
    const local = atOnce<LocalFileHeader>(broken, (done) =>
      zip.readLocalFileHeader(entry, {}, done),
    );
    if (!agree(entry, local)) {
      throw fail(place, "the same name and sizes in both of its headers", "others");
    }
    const { compressedSize: length, uncompressedSize: size, crc32 } = entry;
    entries.set(name, { offset: local.fileDataStart, length, isDeflated, size, crc32 });
    const start = entry.relativeOffsetOfLocalHeader;
    occupied.push({ name, offset: start, length: local.fileDataStart + length - start });
  }

  occupied.sort((a, b) => a.offset - b.offset);
  for (const [i, { name, offset }] of occupied.entries()) {
    const before = occupied[i - 1];
    if (before !== undefined && before.offset + before.length > offset) {
      throw fail(`entry ${quote(name)}`, "bytes of its own", `bytes of ${quote(before.name)}`);
    }
  }
  return entries;
}

/** The result of a callback that has been called before `start` returns. */
function atOnce<T>(
  broken: (error: Error) => Error,
  start: (done: (error: Error | null, result: T) => void) => void,
): T {
  let answer: { readonly error: Error | null; readonly result: T } | undefined;
  start((error, result) => {
    answer = { error, result };
  });
  // yauzl only defers its answer if there is nothing to read: an empty name.
  if (answer === undefined) throw broken(new SyntaxError("an entry has no name"));
  if (answer.error) throw broken(answer.error);
  return answer.result;
}

const nextEntry = (zip: ZipFile, broken: (error: Error) => Error): Entry =>
  atOnce<Entry>(broken, (done) => {
    zip.removeAllListeners();
    zip.on("entry", (entry: Entry) => done(null, entry));
    // Stays registered: an error event without a listener ends the process.
    zip.on("error", (error: Error) => done(error, undefined as never));
    zip.readEntry();
  });

function agree(entry: Entry, local: LocalFileHeader): boolean {
  const sizeKnown = (local.generalPurposeBitFlag & HAS_DATA_DESCRIPTOR) === 0;
  const isSame = (written: number, size: number): boolean =>
    !sizeKnown || written === size || written === IN_ZIP64_FIELD;
  return (
    local.fileName.equals(entry.fileNameRaw) &&
    local.compressionMethod === entry.compressionMethod &&
    isSame(local.compressedSize, entry.compressedSize) &&
    isSame(local.uncompressedSize, entry.uncompressedSize)
  );
}
