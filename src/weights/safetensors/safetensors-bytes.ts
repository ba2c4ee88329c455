import { InvalidValueError } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { RegularFile } from "../../files/reading/regular-file.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { packedTypes } from "./packed-types.ts";
import {
  byteSize,
  formatHeader,
  HEADER_LIMIT,
  layoutOrder,
  PREFIX_BYTES,
  parseHeader,
  type TensorEntry,
  type TensorSpec,
} from "./safetensors-header.ts";

/** A tensor as stored in a file: little-endian elements in row-major order. */
export interface TensorBytes extends TensorSpec {
  readonly bytes: Uint8Array;
}

/** An open safetensors file whose whole header has been checked; data is read on demand. Needs no engine. */
export class SafetensorsBytes {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #file: RegularFile;

  /** Throws BadFileError for anything that is not a well-formed safetensors file. */
  constructor(path: string) {
    const file = new RegularFile(path, "a safetensors file");
    try {
      const header = readHeader(file);
      this.path = path;
      this.metadata = header.metadata;
      this.tensors = header.tensors;
      this.#file = file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The entry of a tensor. Throws BadFileError if the file has none of that name. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) {
      throw new BadFileError(
        this.path,
        `tensor ${quote(name)}`,
        "a tensor of that name",
        `${this.tensors.size} others`,
      );
    }
    return entry;
  }

  /** A copy of the tensor's elements, as the `dtype` of its entry. */
  bytes(name: string): Uint8Array {
    const { byteOffset, byteLength, packed } = this.entry(name);
    const stored = this.#file.read(byteOffset, byteLength);
    if (packed === undefined) return stored;
    const bytes = packedTypes[packed].unpack(stored);
    if (bytes !== undefined) return bytes;
    throw new BadFileError(this.path, `tensor ${quote(name)}`, "numbers below 2^63", "larger ones");
  }

  /**
   * The open file, for mapping it, after checking that it is still long enough for the tensor. Throws BadFileError if it was
   * truncated in the meantime.
   */
  protected descriptorFor({ byteOffset, byteLength }: TensorEntry): number {
    return this.#file.descriptorFor(byteOffset, byteLength);
  }

  /** Closes the file; headers stay readable, data does not. */
  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Writes a safetensors file durably and atomically: the same tensors give the same bytes, and readers never see half a file. */
export async function writeSafetensorsBytes(
  path: string,
  tensors: ReadonlyMap<string, TensorBytes>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await replaceFile(path, encodeSafetensors(tensors, metadata));
}

/**
 * The pieces of a safetensors file in order; only the header is new memory. Throws InvalidValueError if bytes and shape disagree.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorBytes>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const header = formatHeader(tensors, metadata);
  const data = layoutOrder(tensors).map(([name, tensor]) =>
    checkedBytes(name, tensor, tensor.bytes),
  );
  return [header, ...data];
}

/** The bytes of a tensor. Throws InvalidValueError if they don't match its shape. */
export function checkedBytes(name: string, spec: TensorSpec, bytes: Uint8Array): Uint8Array {
  if (bytes.length === byteSize(spec)) return bytes;
  throw new InvalidValueError(
    `Expected ${byteSize(spec)} bytes for ${quote(name)}, ${spec.dtype} of shape [${spec.shape.join(", ")}], but received ${bytes.length}`,
  );
}

function readHeader(file: RegularFile): ReturnType<typeof parseHeader> {
  const { path, size: fileLength } = file;
  if (fileLength < PREFIX_BYTES) {
    throw new BadFileError(
      path,
      "header length",
      `${PREFIX_BYTES} bytes`,
      `a file of ${fileLength} bytes`,
    );
  }
  const prefix = Buffer.from(file.read(0, PREFIX_BYTES).buffer);
  const length = prefix.readBigUInt64LE();
  // Nothing is allocated before the declared length has been compared with the file's.
  if (length > HEADER_LIMIT) {
    throw new BadFileError(path, "header length", `at most ${HEADER_LIMIT} bytes`, `${length}`);
  }
  if (length > fileLength - PREFIX_BYTES) {
    throw new BadFileError(
      path,
      "header length",
      `at most the ${fileLength - PREFIX_BYTES} bytes that follow`,
      `${length}`,
    );
  }
  const header = file.read(PREFIX_BYTES, Number(length));
  return parseHeader(path, header, fileLength - PREFIX_BYTES - Number(length));
}
