import { stat } from "node:fs/promises";
import { openRegular, readFrom } from "../../../files/reading/whole-file.ts";

const NEWLINE = 0x0a;
/** Bytes per read. */
const CHUNK = 2 ** 18;
/** Longer lines are skipped as damaged. */
const LONGEST_LINE = 4 * 2 ** 20;
/** Bytes before the current offset, used to recognize the file. */
const KNOWN_BYTES = 256;

/** Receives the lines that a file grows by. */
export interface LineReader {
  /** The file was replaced, shortened or removed: earlier lines no longer count. */
  readonly onBegin: () => void;
  /** The next whole line; undefined if it is too long. A returned promise is awaited. */
  readonly onLine: (line: string | undefined) => Promise<void> | undefined;
}

/**
 * The lines of a growing file, each once. An incomplete last line is read once it is whole. A file that was replaced or truncated
 * is read from the start again.
 */
export class TailedLines {
  readonly #path: string;
  readonly #reader: LineReader;
  readonly #lastBytes: number;
  /** Start of the first unread line. */
  #offset = 0;
  /** The bytes just before that offset. */
  #known: Buffer = Buffer.alloc(0);
  /** Inside a line that is too long. */
  #isSkipping = false;
  /** The file's stat when it was last read. */
  #stamp = "";

  /** @param lastBytes limits the first read to this many bytes at the end of the file */
  constructor(path: string, reader: LineReader, lastBytes: number = Number.POSITIVE_INFINITY) {
    this.#path = path;
    this.#reader = reader;
    this.#lastBytes = lastBytes;
  }

  /** Reads what was added since the last call. Throws if the file exists but cannot be read. */
  async read(): Promise<void> {
    const found = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (found === undefined) return this.#begin();
    const stamp = [found.dev, found.ino, found.size, found.mtimeMs].join();
    if (stamp === this.#stamp) return;
    const opened = await openRegular(this.#path, {
      expected: "events",
      atMost: Number.POSITIVE_INFINITY,
    });
    try {
      if (this.#offset === 0 && opened.size > this.#lastBytes) {
        this.#offset = opened.size - this.#lastBytes;
        this.#isSkipping = true; // starts in the middle of a line
      }
      const before = this.#offset - this.#known.length;
      const same = await readFrom(opened, before, this.#known.length);
      if (!same.equals(this.#known)) this.#begin();
      await this.#readLines(opened);
    } finally {
      await opened.file.close();
    }
    this.#stamp = stamp;
  }

  #begin(): void {
    const isNew = this.#offset === 0;
    this.#offset = 0;
    this.#known = Buffer.alloc(0);
    this.#isSkipping = false;
    this.#stamp = "";
    if (!isNew) this.#reader.onBegin();
  }

  async #readLines(opened: Awaited<ReturnType<typeof openRegular>>): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await readFrom(opened, this.#offset + rest.length, CHUNK);
      if (chunk.length === 0) return;
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE, rest.length); end >= 0; ) {
        const line = this.#isSkipping ? undefined : bytes.toString("utf8", start, end);
        this.#isSkipping = false;
        this.#passOver(bytes, start, end + 1);
        start = end + 1;
        await this.#reader.onLine(line);
        end = bytes.indexOf(NEWLINE, start);
      }
      rest = bytes.subarray(start);
      if (rest.length <= LONGEST_LINE) continue;
      this.#isSkipping = true;
      this.#passOver(rest, 0, rest.length);
      rest = Buffer.alloc(0);
    }
  }

  /** Advances the offset past some bytes. */
  #passOver(bytes: Buffer, start: number, end: number): void {
    this.#offset += end - start;
    this.#known = bytes.subarray(Math.max(0, end - KNOWN_BYTES), end);
  }
}
