import type { ParquetParsers, SchemaElement } from "hyparquet";
import { parsePythonJson } from "../../weights/python-json.ts";

/** Parsers that lose no digit of times and of JSON in parquet files; days and times become text of ISO 8601. */
export const EXACT_PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (time: bigint) => isoTime(time, 3),
  timestampFromMicroseconds: (time: bigint) => isoTime(time, 6),
  timestampFromNanoseconds: (time: bigint) => isoTime(time, 9),
  dateFromDays: (days: number) => isoTime(BigInt(days) * 86_400n, 0).replace(/T.*$/, ""),
  jsonFromBytes: (bytes: Uint8Array) => parsePythonJson(new TextDecoder().decode(bytes)),
};

/** A time since 1970 in units of so many digits below a second; its number where a calendar has no such day. */
function isoTime(time: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((time % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((time - fraction) / perSecond) * 1000);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toISOString().replace("000Z", `${String(fraction).padStart(digits, "0")}Z`);
}

/** The element without the type that the reader would make a rounded double of. */
export function undecimal(element: SchemaElement): SchemaElement {
  if (!isDecimal(element)) return element;
  const { converted_type: _, logical_type: __, ...rest } = element;
  return rest;
}

/** Whether a column holds numbers with a fixed number of decimals. */
export const isDecimal = ({ converted_type, logical_type }: SchemaElement): boolean =>
  converted_type === "DECIMAL" || logical_type?.type === "DECIMAL";

/** A decimal number as it is stored: a whole number, or its bytes. A double where that holds all its digits, else text. */
export function decimal(
  stored: unknown,
  { scale = 0 }: SchemaElement,
): number | string | undefined {
  if (stored === null || stored === undefined) return undefined;
  const whole =
    stored instanceof Uint8Array
      ? BigInt.asIntN(8 * stored.length, BigInt(`0x0${Buffer.from(stored).toString("hex")}`))
      : BigInt(stored as number | bigint);
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, "0");
  const point = digits.length - scale;
  const fraction = digits.slice(point);
  const text = `${whole < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${fraction}` : ""}`;
  const plain = scale > 0 ? text.replace(/\.?0+$/, "") : text;
  const value = Number(plain);
  return String(value) === plain ? value : text;
}
