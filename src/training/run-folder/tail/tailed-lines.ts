import { stat } from "node:fs/promises";
import { openRegular, readFrom } from "../../../files/reading/whole-file.ts";

const NEWLINE = 0x0a;
/** Bytes that are read at once. */
const CHUNK = 2 ** 18;
/** A line that has more is passed over: it is damaged. */
const LONGEST_LINE = 4 * 2 ** 20;
/** Bytes before the place that was come to, by which the file is known again. */
const KNOWN_BYTES = 256;

/** Who takes what a file grows by. */
export interface LineReader {
  /** The file is another one, shorter, or gone: what was read before no longer counts. */
  readonly onBegin: () => void;
  /** The next whole line; undefined for one that is too long. Waited for where it gives a promise. */
  readonly onLine: (line: string | undefined) => Promise<void> | undefined;
}

/**
 * The lines of a file that grows, each once: half a line at its end waits until it is whole. A file that was replaced or cut short
 * begins again.
 */
export class TailedLines {
  readonly #path: string;
  readonly #reader: LineReader;
  readonly #lastBytes: number;
  /** Where the first line begins that was not read. */
  #offset = 0;
  /** What stands before that. */
  #known: Buffer = Buffer.alloc(0);
  /** In a line that is too long. */
  #isSkipping = false;
  /** What the system said of the file when it was read last. */
  #stamp = "";

  /** @param lastBytes of a file that has more, only so many are read of what is there at first */
  constructor(path: string, reader: LineReader, lastBytes: number = Number.POSITIVE_INFINITY) {
    this.#path = path;
    this.#reader = reader;
    this.#lastBytes = lastBytes;
  }

  /** Reads what has come since. Throws where the file is there and cannot be read. */
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
        this.#isSkipping = true; // the end of a line
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

  /** Goes on behind some bytes. */
  #passOver(bytes: Buffer, start: number, end: number): void {
    this.#offset += end - start;
    this.#known = bytes.subarray(Math.max(0, end - KNOWN_BYTES), end);
  }
}
