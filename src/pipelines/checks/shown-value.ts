import { expected } from "../../errors/index.ts";

const LONGEST = 60;

/** Formats a value of any type for a message. Strings are quoted, so that "20" differs from 20. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  }
  if (Array.isArray(value)) {
    const text = `[${value.map(shownValue).join(", ")}]`;
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  }
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    const { name } = value.constructor ?? Object;
    return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
  }
  return String(value);
}

/** Throws unless `value` is a whole number of at least 1. */
export function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw expected("a positive integer", name, shownValue(value));
}
