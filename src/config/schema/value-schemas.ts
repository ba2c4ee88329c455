import { z } from "zod";

// Every message states what is expected, so that it fits into "Expected … for … but received …".

export const text: z.ZodString = z.string("some text").min(1, "some text");
export const flag: z.ZodBoolean = z.boolean("true or false");
/** Beyond 2^53 a double may differ from the number that was written. */
const orTooLarge =
  (expected: string, most: number = Number.MAX_SAFE_INTEGER) =>
  ({ code }: { readonly code?: string | undefined }): string =>
    code === "too_big" ? `an integer up to ${most}` : expected;

export const count: z.ZodInt = z
  .int({ error: orTooLarge("a positive integer") })
  .positive("a positive integer");
/** A positive integer up to one of the CONFIG_LIMITS. */
export const countUpTo = (most: number): z.ZodInt =>
  z
    .int({ error: orTooLarge("a positive integer", most) })
    .positive("a positive integer")
    .max(most, `an integer up to ${most}`);

export const wholeNumber: z.ZodInt = z
  .int({ error: orTooLarge("an integer of at least 0") })
  .min(0, "an integer of at least 0");
/** An integer from 0 up to one of the CONFIG_LIMITS. */
export const wholeNumberUpTo = (most: number): z.ZodInt =>
  wholeNumber.max(most, `an integer up to ${most}`);
export const positive: z.ZodNumber = z.number("a number above 0").positive("a number above 0");
export const atLeastZero: z.ZodNumber = z
  .number("a number of at least 0")
  .min(0, "a number of at least 0");
export const atLeastOne: z.ZodNumber = z
  .number("a number of at least 1")
  .min(1, "a number of at least 1");

export const aboveOne: z.ZodNumber = z.number("a number above 1").gt(1, "a number above 1");

const probabilityRange = "a number from 0 to 1";
export const probability: z.ZodNumber = z
  .number(probabilityRange)
  .min(0, probabilityRange)
  .max(1, probabilityRange);

const decayRange = "a number from 0 to below 1";
export const decay: z.ZodNumber = z.number(decayRange).min(0, decayRange).lt(1, decayRange);

/** One of several words. */
export function oneOf<const T extends string>(...words: readonly T[]): z.ZodLiteral<T> {
  return z.literal(words, listOf(words));
}

/** `"a", "b" or "c"`; numbers without quotes. */
export function listOf(words: readonly (string | number)[]): string {
  const quoted = words.map((word) => JSON.stringify(word));
  const last = quoted.at(-1) ?? "";
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(", ")} or ${last}`;
}
