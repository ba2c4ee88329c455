import { fileStamp } from "../../files/reading/file-stamp.ts";
import { linesToBytes, readJsonLines } from "../../files/reading/lines.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { ImageError } from "../../images/index.ts";
import { contentHash } from "./content-hash.ts";

/** A file of a data set: a picture, or the control picture for a ControlNet. */
export interface ReadFile {
  /** An absolute path; inside a container followed by `#` and a name. */
  readonly path: string;
  read(): Promise<Uint8Array>;
}

/** The known hash of a file, with the stamp that tells whether the file is unchanged. */
interface KnownContent {
  /** Of the container, if the file is in one. */
  readonly stamp: string;
  readonly hash: string;
}

/**
 * Hashes of the bytes of a data set's pictures. Each picture is read once by whoever needs it first, and again only if its file's
 * stamp differs from the recorded one. After the data was copied, all files are read again and found equal, since timestamps
 * prove nothing.
 */
export class PictureContents {
  /** Hashes of what this process has read, as of that moment; null if a file could not be read and was skipped. */
  readonly #read = new Map<string, string | null>();
  #known = new Map<string, KnownContent>();
  readonly #shards = new Map<string, Promise<string | undefined>>();
  readonly #begun: number = Date.now();

  /** Loads the records of an earlier process; none if the file is missing or damaged: then everything is read. */
  async recall(notes: string): Promise<void> {
    this.#known = await readNotes(notes).catch(() => new Map());
  }

  /** Saves the known hashes in an existing folder. */
  async note(notes: string): Promise<void> {
    await replaceFile(notes, linesToBytes(this.#lines()));
  }

  *#lines(): Generator<string> {
    for (const [path, { stamp, hash }] of this.#known) yield JSON.stringify([path, stamp, hash]);
  }

  /** Wraps a file so that the outcome of its first read is recorded. */
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
   * The hash of a file's bytes; null if it is damaged or missing, or could not be read for training. Throws if the system cannot
   * tell.
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

  /** Undefined if the file cannot be examined, or may have changed since this process started. */
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
  for await (const line of readJsonLines(notes)) {
    const [path, stamp, hash] = line as [path: string, stamp: string, hash: string];
    known.set(path, { stamp, hash });
  }
  return known;
}

/**
 * The shard of `shard.tar#name`; any other picture is its own file. A table's row may stand for a file next to it and is not a
 * file itself.
 */
const shardOf = (path: string): string | undefined => /^(.*?\.tar)#/is.exec(path)?.[1];

async function stampBefore(path: string, begun: number): Promise<string | undefined> {
  const found = await fileStamp(path).catch(() => undefined);
  return found?.isSettledBy(begun) ? found.stamp : undefined;
}

/** Errors caused by the file itself or its name; any other may be temporary and says nothing about the file. */
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

/** Error codes of Node.js and zlib start differently. */
const SYSTEM_CODE = /^E(?!RR_)/;
