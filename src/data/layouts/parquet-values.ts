import type { SchemaElement } from "hyparquet";

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
