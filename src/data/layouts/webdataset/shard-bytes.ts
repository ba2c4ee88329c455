import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { ResourceError } from "../../../errors/index.ts";
import { openNamelessFile } from "../../../files/open-file.ts";
import { BadFileError } from "../../../files/reading/errors.ts";
import { openRegular, readFrom } from "../../../files/reading/whole-file.ts";

/** The bytes of a tar, wherever they are stored. */
export interface ShardBytes {
  readonly size: number;
  /** Fewer bytes if the file ends earlier. */
  readAt(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Opens a tar, possibly gzipped, whatever its name: the output of `tar czf` is often called .tar too. Throws BadFileError if it
 * is not a regular file; does not block on a pipe.
 */
export async function openShard(path: string): Promise<ShardBytes> {
  const limits = { expected: "a tar", atMost: Number.POSITIVE_INFINITY };
  const opened = await openRegular(path, limits);
  const { file, size } = opened;
  let isOurs = true;
  try {
    const head = await readFrom(opened, 0, 2);
    if (head[0] === 0x1f && head[1] === 0x8b) return await unpacked(path, file);
    isOurs = false;
    return {
      size,
      readAt: (position, length) => readFrom(opened, position, length),
      close: () => file.close(),
    };
  } finally {
    if (isOurs) await file.close();
  }
}

/** Pictures barely compress: a file that grows by more was crafted to fill the disk. */
const MOST_GROWTH = 200;
const ALWAYS_UNPACKED = 64 * 2 ** 20;

/**
 * Gzip cannot be read from the middle: its contents are unpacked into one nameless file, which the system frees when the process
 * ends.
 */
interface Scratch {
  readonly file: FileHandle;
  end: number;
}
let scratch: Promise<Scratch> | undefined;
const known = new Map<string, Promise<ShardBytes>>();
/** Unpacking is sequential. */
let last: Promise<unknown> = Promise.resolve();

async function unpacked(path: string, packed: FileHandle): Promise<ShardBytes> {
  const { size, mtimeMs } = await packed.stat();
  const key = `${path}\0${size}\0${mtimeMs}`;
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const made = last.then(() => unpack(path, packed, Math.max(ALWAYS_UNPACKED, MOST_GROWTH * size)));
  last = made.catch(() => known.delete(key)); // a failure does not stop the next one
  known.set(key, made);
  return made;
}

async function openScratch(): Promise<Scratch> {
  try {
    return { file: await openNamelessFile(tmpdir()), end: 0 };
  } catch (error) {
    scratch = undefined; // the problem may get fixed; the next tar tries again
    throw error;
  }
}

async function unpack(path: string, packed: FileHandle, most: number): Promise<ShardBytes> {
  scratch ??= openScratch();
  const { file, end: start } = await scratch;
  let size = 0;
  const write = async (plain: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of plain) {
      if (size + chunk.length > most) {
        throw new BadFileError(path, "content", `at most ${most} bytes when unpacked`, "more");
      }
      for (let done = 0; done < chunk.length; ) {
        const rest = chunk.length - done;
        const { bytesWritten } = await file.write(chunk, done, rest, start + size);
        done += bytesWritten;
        size += bytesWritten;
      }
    }
  };
  // The pipeline's own error may only say that it was aborted.
  let failure: unknown;
  await pipeline(packed.createReadStream({ start: 0 }), createGunzip(), (plain) =>
    write(plain).catch((error: unknown) => {
      failure = error;
      throw error;
    }),
  ).catch((error: unknown) => {
    throw explained(path, failure ?? error);
  });
  (await scratch).end = start + size;
  return {
    size,
    readAt: (position, length) => {
      const within = Math.max(0, Math.min(length, size - position));
      return readFrom({ path, file }, start + position, within);
    },
    close: async () => {},
  };
}

function explained(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new ResourceError(
      "ERR_NO_ROOM",
      `${path}: there is no room in ${tmpdir()} to unpack it; unpack it with gunzip, or name a folder with more room in TMPDIR`,
      { cause: error },
    );
  }
  return code?.startsWith("Z_")
    ? new BadFileError(path, "content", "data in gzip", message, "get the file again")
    : error;
}
