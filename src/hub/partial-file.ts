import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { RemoteFile } from "./client.ts";

const PIECE_BYTES = 2 ** 20;

/** A file that is arriving, front to back, and the hash of what is there. */
export class PartialFile {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #file: RemoteFile;
  #hash: Hash;
  #position = 0;

  constructor(handle: FileHandle, file: RemoteFile) {
    this.size = file.size;
    this.#handle = handle;
    this.#file = file;
    this.#hash = startHash(file);
  }

  /** Bytes that are there. */
  get position(): number {
    return this.#position;
  }

  /** Whether the content so far is the file's. */
  get isRight(): boolean {
    return this.#hash.copy().digest("hex") === this.#file.etag;
  }

  /** Keeps the first bytes and goes on behind them. */
  async keep(bytes: number): Promise<void> {
    this.#hash = startHash(this.#file);
    const piece = Buffer.alloc(Math.min(bytes, PIECE_BYTES));
    for (this.#position = 0; this.#position < bytes; ) {
      const length = Math.min(piece.length, bytes - this.#position);
      const { bytesRead } = await this.#handle.read(piece, 0, length, this.#position);
      if (bytesRead === 0) return; // shorter than it was a moment ago: the rest comes anew
      this.#hash.update(piece.subarray(0, bytesRead));
      this.#position += bytesRead;
    }
  }

  /** Writes what came next; what is beyond the file's end is left out, and the hash tells whether that was right. */
  async append(chunk: Uint8Array): Promise<void> {
    const bytes = chunk.subarray(0, this.size - this.#position);
    for (let done = 0; done < bytes.length; ) {
      const left = bytes.subarray(done);
      done += (await this.#handle.write(left, 0, left.length, this.#position + done)).bytesWritten;
    }
    this.#hash.update(bytes);
    this.#position += bytes.length;
  }
}

/** SHA-256 of what git keeps elsewhere, and git's own hash of what it keeps itself. */
function startHash({ etag, isLarge, size }: RemoteFile): Hash {
  if (isLarge) return createHash("sha256");
  return createHash(etag.length === 40 ? "sha1" : "sha256").update(`blob ${size}\0`);
}
