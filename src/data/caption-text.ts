import { isUtf8 } from "node:buffer";
import { LARGEST_FILE, readWhole } from "../files/reading/whole-file.ts";

/** The encoding indicated by a UTF-16 byte order mark. */
export function utf16Of([first, second, third, fourth]: Uint8Array): string | undefined {
  const isUtf32 = third === 0 && fourth === 0;
  if (first === 0xff && second === 0xfe && !isUtf32) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

/**
 * The text of a caption file: UTF-8, or UTF-16 with a byte order mark, as Windows' Notepad writes it. Undefined for other bytes.
 */
export function decodeCaption(bytes: Uint8Array): string | undefined {
  const utf16 = utf16Of(bytes);
  if (utf16 !== undefined) return decode(utf16, bytes);
  return isUtf8(bytes) ? decode("utf-8", bytes) : undefined;
}

/** Decodes without the byte order mark. Undefined if damaged. */
function decode(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined; // half a character: not text in this encoding
  }
}

/** Whether a caption has no visible characters, only white space, zero-width and control characters. */
export const isBlank = (text: string): boolean =>
  /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u.test(text);

/** A caption without white space at its ends; undefined if nothing of it is visible. */
export const captionText = (text: string): string | undefined =>
  isBlank(text) ? undefined : text.trim();

/**
 * The bytes of a table of captions, read as a whole. Throws BadFileError if it is not a regular file or exceeds the maximum text
 * length.
 */
export const readTable = (path: string): Promise<Buffer> =>
  readWhole(path, {
    expected: "a table of captions",
    atMost: LARGEST_FILE.table,
    advice: "split it, or write a metadata.jsonl, tar or parquet files",
  });
