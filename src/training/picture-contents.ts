import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { replaceFile } from "../files/replace-file.ts";
import { ImageError } from "../images/index.ts";

/** What is read of a data set: a picture, or what a ControlNet is shown of it. */
export interface ReadFile {
  /** An absolute path; in a container followed by `#` and a name. */
  readonly path: string;
  read(): Promise<Uint8Array>;
}

/** What was known of a file's content, and what tells that the file is still the same. */
interface KnownContent {
  /** Inode, length, and when content and inode were last changed, in nanoseconds; of its container where it is in one. */
  readonly stamp: string;
  readonly hash: string;
}

/** A file that was changed so shortly before it was looked at may change again within one tick of its times. */
const SETTLED_MS = 2000;

/** Half of the SHA-256 of some bytes, hexadecimal. */
const hashOf = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex").slice(0, 32);

/**
 * Hashes of the bytes of a data set's pictures, each of which is read once in the life of its file: by whoever needs it first,
 * and again only where inode, length or times of its file differ from what was noted. After a copy all are read again, and are
 * found equal: times prove nothing.
 */
export class PictureContents {
  readonly #read = new Map<string, string>();
  #known = new Map<string, KnownContent>();
  readonly #files = new Map<string, Promise<string | undefined>>();
  readonly #begun: number = Date.now();

  /** Takes over what an earlier process noted in a file; nothing where it is missing or damaged: then all is read. */
  async recall(notes: string): Promise<void> {
    try {
      this.#known = new Map(JSON.parse(await readFile(notes, "utf8")));
    } catch {
      this.#known = new Map();
    }
  }

  /** Keeps what is known, in a folder that is there. */
  async note(notes: string): Promise<void> {
    await replaceFile(notes, [Buffer.from(`${JSON.stringify([...this.#known])}\n`)]);
  }

  /** The same file, the hash of whose bytes is remembered when they are first read. */
  remembering(file: ReadFile): () => Promise<Uint8Array> {
    return async () => {
      const bytes = await file.read();
      if (!this.#read.has(file.path)) this.#read.set(file.path, hashOf(bytes));
      return bytes;
    };
  }

  /** The hash of a file's bytes; null where it cannot be read. */
  async hash(file: ReadFile): Promise<string | null> {
    const stamp = await this.#stampOf(file.path);
    const known = this.#known.get(file.path);
    if (stamp !== undefined && known?.stamp === stamp) return known.hash;
    const hash = this.#read.get(file.path) ?? (await this.#hashNow(file));
    if (stamp === undefined || hash === null) this.#known.delete(file.path);
    else this.#known.set(file.path, { stamp, hash });
    return hash;
  }

  async #hashNow(file: ReadFile): Promise<string | null> {
    try {
      return hashOf(await file.read());
    } catch (error) {
      if (error instanceof ImageError) return null;
      throw error;
    }
  }

  /** Undefined where the file cannot be looked at, or may have changed since this process began. */
  #stampOf(path: string): Promise<string | undefined> {
    const file = fileOf(path);
    const found = this.#files.get(file);
    if (found !== undefined) return found;
    const asked = stampOfFile(file, this.#begun).catch(() => undefined);
    this.#files.set(file, asked);
    return asked;
  }
}

/** The shard of `shard.tar#name`; a picture's own file otherwise. A row of a table may stand for a file beside it, and is no file. */
const fileOf = (path: string): string => /^(.*?\.tar)#/is.exec(path)?.[1] ?? path;

async function stampOfFile(path: string, begun: number): Promise<string | undefined> {
  // Follows links: the Hub's cache names blobs by them.
  const { ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(path, { bigint: true });
  if (Number(ctimeMs) > begun - SETTLED_MS) return undefined;
  return [ino, size, mtimeNs, ctimeNs].join("-");
}
