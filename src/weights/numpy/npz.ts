import { crc32, inflateRawSync } from "node:zlib";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { RegularFile } from "../../files/reading/regular-file.ts";
import { type ZipEntry, zipEntries } from "../../files/reading/zip-entries.ts";
import type { TensorBytes } from "../safetensors/safetensors-bytes.ts";
import { decodeNpy } from "./npy.ts";

/** Largest unpacked array: a limit for the sizes that files claim. */
const LARGEST_ARRAY = 2 ** 30;
const PACKED = { mayDeflate: true, expected: "a stored or deflated entry, as numpy.savez writes" };

/**
 * Reads arrays by name from a file of `numpy.savez` or `numpy.savez_compressed`. Missing names are skipped, and other arrays are
 * not unpacked. Throws BadFileError; nothing in the file is ever executed.
 */
export function readNpz(path: string, names: readonly string[]): Map<string, TensorBytes> {
  using file = new RegularFile(path, "an archive of numpy arrays");
  const entries = zipEntries(file, PACKED);
  const arrays = new Map<string, TensorBytes>();
  for (const name of names) {
    const entry = entries.get(`${name}.npy`);
    if (entry === undefined) continue;
    const place = `array ${quote(name)}`;
    const bytes = unpack(file, entry, place);
    const read = (offset: number, length: number): Uint8Array =>
      bytes.subarray(offset, offset + length);
    arrays.set(name, decodeNpy({ path, name: place, size: bytes.length, read }));
  }
  return arrays;
}

function unpack(file: RegularFile, entry: ZipEntry, place: string): Uint8Array {
  const fail = (expected: string, found: string): BadFileError =>
    new BadFileError(file.path, place, expected, found, "the file is damaged");
  if (entry.size > LARGEST_ARRAY) {
    throw new BadFileError(file.path, place, `at most ${LARGEST_ARRAY} bytes`, `${entry.size}`);
  }
  const packed = file.read(entry.offset, entry.length);
  const bytes = entry.isDeflated ? inflate(packed, entry.size, fail) : packed;
  if (bytes.length !== entry.size) throw fail(`${entry.size} bytes`, `${bytes.length}`);
  if (crc32(bytes) !== entry.crc32) throw fail("the checksum of its entry", "another");
  return bytes;
}

/** Never holds more than `size` bytes, however much is packed. */
function inflate(
  packed: Uint8Array,
  size: number,
  fail: (expected: string, found: string) => BadFileError,
): Uint8Array {
  try {
    // zlib takes no limit of 0.
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw fail(`${size} bytes`, "more");
    throw fail("deflated data", quote(message));
  }
}
