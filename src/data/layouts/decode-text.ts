import { isUtf8 } from "node:buffer";

const UTF16: readonly (readonly [encoding: string, mark: readonly [number, number]])[] = [
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/**
 * The text of a file: UTF-8, or UTF-16 with a byte order mark, as Notepad's "Unicode" is. The mark is no part of it.
 * Undefined where it is neither: other encodings can't be told from each other.
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  const encoding = utf16Of(bytes);
  if (encoding === undefined) {
    return isUtf8(bytes) ? new TextDecoder("utf-8").decode(bytes) : undefined;
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether a file begins with the byte order mark of UTF-16. */
export const isUtf16 = (bytes: Uint8Array): boolean => utf16Of(bytes) !== undefined;

const utf16Of = (bytes: Uint8Array): string | undefined =>
  UTF16.find(([, mark]) => mark.every((byte, at) => bytes[at] === byte))?.[0];
