import { isUtf8 } from "node:buffer";
import type { SchemaElement } from "hyparquet";

/** Whether a column holds numbers with a fixed number of decimals. */
export const isDecimal = ({ converted_type, logical_type }: SchemaElement): boolean =>
  converted_type === "DECIMAL" || logical_type?.type === "DECIMAL";

/** A stored decimal number: an integer, or its bytes. A double if that holds all its digits, else text. */
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

/** A value as in JSON, large integers as bigints; undefined for nothing and for bytes that are not text. */
export function plainValue(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array)
    return isUtf8(value) ? Buffer.from(value).toString("utf8") : undefined;
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array);
  if (Array.isArray(value)) return value.map((item) => plainValue(item) ?? null);
  if (typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]: [string, unknown]) => [
        name,
        plainValue(item) ?? null,
      ]),
    );
  }
  return value;
}
