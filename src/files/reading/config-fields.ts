/** One field of a configuration file: its default, and which values it accepts. */
export interface Field<T> {
  readonly initial: T;
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

/** A {@link Field} for every property of a configuration. */
export type FieldsOf<C> = { readonly [K in keyof C]: Field<C[K]> };

/** A number, of a kind if `test` is given. */
export const number = (
  initial: number,
  expected = "a number",
  test: (value: number) => boolean = () => true,
): Field<number> => ({
  initial,
  expected,
  accepts: (value) => typeof value === "number" && test(value),
});

/** A whole number of at least 1. */
export const count = (initial: number): Field<number> => ({
  initial,
  expected: "a positive integer",
  accepts: (value) => Number.isSafeInteger(value) && Number(value) > 0,
});

/** A whole number from 1 to `most`. */
export const countUpTo = (initial: number, most: number): Field<number> => ({
  initial,
  expected: `an integer from 1 to ${most}`,
  accepts: (value) => count(1).accepts(value) && Number(value) <= most,
});

/** A finite number above 0. */
export const positive = (initial: number): Field<number> =>
  number(initial, "a positive number", (value) => value > 0 && Number.isFinite(value));

/** Any finite number. */
export const finite = (initial: number): Field<number> =>
  number(initial, "a number", Number.isFinite);

/** The share of activations that training drops: from 0 to below 1. */
export const share = (initial: number): Field<number> =>
  number(initial, "a number from 0 up to 1", (value) => value >= 0 && value < 1);

/** A token's id. */
export const tokenId = (initial: number): Field<number> => ({
  initial,
  expected: "a token id",
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
});

/** One of the listed values; the first is the default. */
export const oneOf = <const T>(initial: T, ...others: readonly T[]): Field<T> => ({
  initial,
  expected: [initial, ...others].map((value) => JSON.stringify(value)).join(" or "),
  accepts: (value) => value === initial || others.some((other) => other === value),
});

/** True or false. */
export const flag = (initial: boolean): Field<boolean> => ({
  initial,
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
});

/** A non-empty list of what `item` accepts; `expected` describes that in the plural. */
export const listOf = <T extends readonly unknown[]>(
  initial: T,
  expected: string,
  item: (value: unknown) => boolean,
): Field<T> => ({
  initial,
  expected: `a list of ${expected}`,
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(item),
});

/** What `field` accepts, or null; null is the default unless another is given. */
export const nullable = <T>(field: Field<T>, initial: T | null = null): Field<T | null> => ({
  initial,
  expected: `${field.expected} or null`,
  accepts: (value) => value === null || field.accepts(value),
});
