import { replaceFile } from "../../files/replace-file.ts";
import { ImageError } from "../../images/index.ts";
import { linesToBytes, readLines } from "../run-folder/line-file.ts";
import { contentHash } from "./content-hash.ts";
import { fileStamp } from "./file-stamp.ts";

/** What is read of a data set: a picture, or what a ControlNet is shown of it. */
export interface ReadFile {
  /** An absolute path; in a container followed by `#` and a name. */
  readonly path: string;
  read(): Promise<Uint8Array>;
}

/** What was known of a file's content, and what tells that the file is still the same. */
interface KnownContent {
  /** Of its container where it is in one. */
  readonly stamp: string;
  readonly hash: string;
}

/**
 * Hashes of the bytes of a data set's pictures, each of which is read once in the life of its file: by whoever needs it first,
 * and again only where the stamp of its file differs from what was noted. After a copy all are read again, and are found equal:
 * times prove nothing.
 */
export class PictureContents {
  /** What this process has read, as it was then: null where it could not be, so that it was left out. */
  readonly #read = new Map<string, string | null>();
  #known = new Map<string, KnownContent>();
  readonly #shards = new Map<string, Promise<string | undefined>>();
  readonly #begun: number = Date.now();

  /** Takes over what an earlier process noted in a file; nothing where it is missing or damaged: then all is read. */
  async recall(notes: string): Promise<void> {
    this.#known = await readNotes(notes).catch(() => new Map());
  }

  /** Keeps what is known, in a folder that is there. */
  async note(notes: string): Promise<void> {
    await replaceFile(notes, linesToBytes(this.#lines()));
  }

  *#lines(): Generator<string> {
    for (const [path, { stamp, hash }] of this.#known) yield JSON.stringify([path, stamp, hash]);
  }

  /** The same file; what came of it when it was first read is remembered. */
  remembering(file: ReadFile): () => Promise<Uint8Array> {
    const note = (hash: string | null): void => {
      if (!this.#read.has(file.path)) this.#read.set(file.path, hash);
    };
    return async () => {
      try {
        const bytes = await file.read();
        if (!this.#read.has(file.path)) note(contentHash(bytes));
        return bytes;
      } catch (error) {
        if (error instanceof ImageError) note(null);
        throw error;
      }
    };
  }

  /**
   * The hash of a file's bytes; null where it is damaged or missing, or could not be read when it was to be learnt from. Throws
   * where the system cannot say.
   */
  async hash(file: ReadFile): Promise<string | null> {
    const { path } = file;
    const read = this.#read.get(path);
    if (read === null) return null;
    const stamp = await this.#stampOf(path);
    const known = this.#known.get(path);
    if (stamp !== undefined && known?.stamp === stamp) return known.hash;
    const hash = read ?? (await hashNow(file));
    if (stamp === undefined || hash === null) this.#known.delete(path);
    else this.#known.set(path, { stamp, hash });
    return hash;
  }

  /** Undefined where the file cannot be looked at, or may have changed since this process began. */
  #stampOf(path: string): Promise<string | undefined> {
    const shard = shardOf(path);
    if (shard === undefined) return stampBefore(path, this.#begun);
    const found = this.#shards.get(shard) ?? stampBefore(shard, this.#begun);
    this.#shards.set(shard, found);
    return found;
  }
}

async function readNotes(notes: string): Promise<Map<string, KnownContent>> {
  const known = new Map<string, KnownContent>();
  for await (const lines of readLines(notes)) {
    for (const line of lines) {
      const [path, stamp, hash] = JSON.parse(line);
      known.set(path, { stamp, hash });
    }
  }
  return known;
}

/** The shard of `shard.tar#name`; a picture is its own file otherwise. A row of a table may stand for a file beside it, and is no file. */
const shardOf = (path: string): string | undefined => /^(.*?\.tar)#/is.exec(path)?.[1];

async function stampBefore(path: string, begun: number): Promise<string | undefined> {
  const found = await fileStamp(path).catch(() => undefined);
  return found?.isSettledBy(begun) ? found.stamp : undefined;
}

/** What a picture's own file or name can be blamed for; anything else may be over in a moment, and says nothing of it. */
const OF_THE_FILE: ReadonlySet<string> = new Set([
  ...["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"],
  ...["EACCES", "EPERM"],
]);

async function hashNow(file: ReadFile): Promise<string | null> {
  try {
    return contentHash(await file.read());
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { code } = Object(error.cause) as NodeJS.ErrnoException;
    if (code !== undefined && SYSTEM_CODE.test(code) && !OF_THE_FILE.has(code)) throw error;
    return null;
  }
}

/** Those of Node.js and zlib begin otherwise. */
const SYSTEM_CODE = /^E(?!RR_)/;
