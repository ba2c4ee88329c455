import { extract, type Header } from "tar-stream";
import { BadFileError } from "../../../files/reading/errors.ts";
import type { ShardBytes } from "./shard-bytes.ts";

/** A file in a tar, and the location of its bytes. */
export interface TarMember {
  readonly name: string;
  /** `file`, or another type: links and devices are listed, never followed. */
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  /** Its first bytes, at most a few thousand. */
  readonly head: Uint8Array;
}

const BLOCK = 512;
/** Bytes read at once for a header and the first bytes after it. */
const HEAD = 4096;
/** A header that describes the next one (long names, pax records) may be as long as tar-stream allows. */
const LONG_HEAD = 4 * 2 ** 20 + 4 * BLOCK;
const EXTENDED = new Set(["x", "g", "L", "K"].map((letter) => letter.charCodeAt(0)));
const MOST_MEMBERS = 10_000_000;

/**
 * Lists a tar from its headers alone: contents are skipped, so a shard of gigabytes is listed in milliseconds. Throws
 * BadFileError for damage, including a truncated last file.
 */
export async function* tarMembers(path: string, bytes: ShardBytes): AsyncGenerator<TarMember> {
  const { size: end } = bytes;
  let position = 0;
  for (let count = 0; position < end; count += 1) {
    if (count === MOST_MEMBERS) {
      throw new BadFileError(path, `byte ${position}`, `at most ${MOST_MEMBERS} files`, "more");
    }
    const head = await readHead(bytes, position);
    // Two zero blocks end a tar; anything after them is not part of it.
    if (head.subarray(0, 2 * BLOCK).every((byte) => byte === 0)) return;
    const header = await decode(path, position, head);
    // tar-stream counts the content's start from the bytes that it was given.
    const offset = position + header.start;
    const size = header.type === "file" || header.type === "contiguous-file" ? header.size : 0;
    if (offset + size > end) {
      throw new BadFileError(
        path,
        `byte ${position}`,
        `${size} bytes of ${header.name}`,
        `${Math.max(0, end - offset)}`,
        "the file is incomplete; get it again",
      );
    }
    const type = header.type === "contiguous-file" ? "file" : (header.type ?? "file");
    yield {
      name: header.name,
      type,
      offset,
      size,
      head: head.subarray(header.start, header.start + size),
    };
    position = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
}

async function readHead(bytes: ShardBytes, position: number): Promise<Buffer> {
  const short = await bytes.readAt(position, HEAD);
  return EXTENDED.has(short[156] ?? 0) ? bytes.readAt(position, LONG_HEAD) : short;
}

/** The first header in some bytes, including the extended headers before it. */
function decode(
  path: string,
  position: number,
  bytes: Uint8Array,
): Promise<Header & { readonly size: number; readonly start: number }> {
  return new Promise((resolve, reject) => {
    const parser = extract();
    parser.on("entry", (header: Header & { byteOffset?: number }) => {
      const { size = 0, byteOffset = BLOCK } = header;
      resolve({ ...header, size, start: byteOffset });
      parser.destroy();
    });
    const refuse = (found: string): void =>
      reject(new BadFileError(path, `byte ${position}`, "the header of a tar", found));
    parser.on("error", (error: Error) => refuse(error.message));
    parser.on("close", () => refuse("the end of the file"));
    parser.end(bytes);
  });
}
