import { DEFAULT_PARSERS, type SchemaElement } from "hyparquet";
import { parsePythonJson } from "../../weights/python-json.ts";

type Parsers = typeof DEFAULT_PARSERS;

/** A time of the given fraction of a second since 1970 as ISO 8601 with every digit; a number where a calendar has no such day. */
function isoTime(time: bigint, perSecond: bigint, digits: number): string {
  const fraction = ((time % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((time - fraction) / perSecond) * 1000);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toISOString().replace(/\.000Z$/, `.${String(fraction).padStart(digits, "0")}Z`);
}

/** Parsers that lose no digit of what JSON has no type for. */
export const EXACT_PARSERS: Partial<Parsers> = {
  timestampFromMilliseconds: (time: bigint) => isoTime(time, 1000n, 3),
  timestampFromMicroseconds: (time: bigint) => isoTime(time, 1_000_000n, 6),
  timestampFromNanoseconds: (time: bigint) => isoTime(time, 1_000_000_000n, 9),
  dateFromDays: (days: number) => isoTime(BigInt(days) * 86_400n, 1n, 0).replace(/T.*$/, ""),
  jsonFromBytes: (bytes: Uint8Array) => parsePythonJson(new TextDecoder().decode(bytes)),
};
