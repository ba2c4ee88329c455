import type { PictureSize } from "../../data/buckets.ts";
import { fileStamp } from "../../files/reading/file-stamp.ts";
import { linesToBytes, readJsonLines } from "../../files/reading/lines.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { ImageError } from "../../images/index.ts";
import { contentHash } from "./content-hash.ts";
import { contentSize } from "./content-size.ts";

/** A file of a data set: a picture, or the control picture for a ControlNet. */
export interface ReadFile {
  /** An absolute path; inside a container followed by `#` and a name. */
  readonly path: string;
  read(): Promise<Uint8Array>;
}

/** What a file's bytes are. */
export interface Content {
  readonly hash: string;
  /** When upright. */
  readonly size: PictureSize;
}

/** What was read from a file; without a size if it is no picture, or in a record of an earlier version. */
type ReadContent = Pick<Content, "hash"> & Partial<Content>;

/** What is known of a file, with the stamp that tells whether the file is unchanged. */
interface KnownContent extends ReadContent {
  /** Of the container, if the file is in one. */
  readonly stamp: string;
}

/**
 * Hashes of the bytes of a data set's pictures, and their sizes. Each picture is read once by whoever needs it first, and again
 * only if its file's stamp differs from the recorded one. After the data was copied, all files are read again and found equal,
 * since timestamps prove nothing.
 */
export class PictureContents {
  /** What this process has read, as of that moment; null if a file could not be read and was skipped. */
  readonly #read = new Map<string, ReadContent | null>();
  readonly #known = new Map<string, KnownContent>();
  #recalled: string | undefined;
  readonly #shards = new Map<string, Promise<string | undefined>>();
  readonly #begun: number = Date.now();

  /**
   * Loads the records of an earlier process, once; none if the file is missing or damaged: then everything is read. What this
   * process knows itself stays.
   */
  async recall(notes: string): Promise<void> {
    if (this.#recalled === notes) return;
    this.#recalled = notes;
    const recalled = await readNotes(notes).catch(() => new Map<string, KnownContent>());
    for (const [path, known] of recalled) if (!this.#known.has(path)) this.#known.set(path, known);
  }

  /** Saves what is known in an existing folder. */
  async note(notes: string): Promise<void> {
    await replaceFile(notes, linesToBytes(this.#lines()));
  }

  *#lines(): Generator<string> {
    for (const [path, { stamp, hash, size }] of this.#known) {
      const sides = size === undefined ? [] : [size.width, size.height];
      yield JSON.stringify([path, stamp, hash, ...sides]);
    }
  }

  /** Wraps a file so that the outcome of its first read is recorded. */
  remembering(file: ReadFile): () => Promise<Uint8Array> {
    const { path } = file;
    return async () => {
      try {
        const bytes = await file.read();
        if (!this.#read.has(path)) this.#note(path, await contentOf(bytes, path));
        return bytes;
      } catch (error) {
        if (error instanceof ImageError && !this.#read.has(path)) this.#read.set(path, null);
        throw error;
      }
    };
  }

  #note(path: string, content: ReadContent): void {
    if (this.#read.has(path)) return;
    this.#read.set(path, content);
    const known = this.#known.get(path);
    // Equal bytes have the same size, whenever they were read.
    if (known?.hash === content.hash) this.#known.set(path, { ...known, ...content });
  }

  /**
   * Hash and size of a file that is as it was when it was last read; undefined if it has to be read, or could not be read for
   * training.
   */
  async known({ path }: Pick<ReadFile, "path">): Promise<Content | undefined> {
    if (this.#read.get(path) === null) return undefined;
    const { hash, size } = this.#unchanged(path, await this.#stampOf(path)) ?? {};
    return hash === undefined || size === undefined ? undefined : { hash, size };
  }

  /** What is known of a file if its stamp shows that it has not changed since. */
  #unchanged(path: string, stamp: string | undefined): ReadContent | undefined {
    if (stamp === undefined) return undefined;
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known;
    const read = this.#read.get(path) ?? undefined;
    if (read !== undefined) this.#known.set(path, { stamp, ...read });
    return read;
  }

  /** Size of a picture when upright; reads the file if that is not known. Throws ImageError. */
  async size(file: ReadFile): Promise<PictureSize> {
    const known = await this.known(file);
    return known?.size ?? contentSize(await this.remembering(file)(), file.path);
  }

  /**
   * The hash of a file's bytes; null if it is damaged or missing, or could not be read for training. Throws if the system cannot
   * tell.
   */
  async hash(file: ReadFile): Promise<string | null> {
    const { path } = file;
    if (this.#read.get(path) === null) return null;
    const stamp = await this.#stampOf(path);
    const unchanged = this.#unchanged(path, stamp);
    if (unchanged !== undefined) return unchanged.hash;
    const content = this.#read.get(path) ?? (await contentNow(file));
    if (stamp === undefined || content === null) this.#known.delete(path);
    else this.#known.set(path, { stamp, ...content });
    return content?.hash ?? null;
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
    const [path, stamp, hash, width, height] = line as [
      ...[path: string, stamp: string, hash: string],
      ...[width?: number, height?: number],
    ];
    const size = width === undefined || height === undefined ? {} : { size: { width, height } };
    known.set(path, { stamp, hash, ...size });
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

async function contentOf(bytes: Uint8Array, path: string): Promise<ReadContent> {
  const hash = contentHash(bytes);
  try {
    return { hash, size: await contentSize(bytes, path) };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { hash }; // whoever decodes it reports that
  }
}

async function contentNow(file: ReadFile): Promise<ReadContent | null> {
  try {
    return await contentOf(await file.read(), file.path);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { code } = Object(error.cause) as NodeJS.ErrnoException;
    if (code !== undefined && SYSTEM_CODE.test(code) && !OF_THE_FILE.has(code)) throw error;
    return null;
  }
}

/** Error codes of Node.js and zlib start differently. */
const SYSTEM_CODE = /^E(?!RR_)/;
