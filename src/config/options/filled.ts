import type { z } from "zod";

/** `T` with every field given, at every depth: a written config becomes a resolved one. */
export type Filled<T> = T extends object ? { readonly [K in keyof T]-?: Filled<T[K]> } : T;

/** `T` where an optional field may also be written as undefined: what zod takes for a field with a default. */
type Given<T> = T extends readonly unknown[]
  ? { readonly [K in keyof T]: Given<T[K]> }
  : T extends object
    ? { readonly [K in keyof T]: Given<T[K]> | (object extends Pick<T, K> ? undefined : never) }
    : T;

/** `T` without optional and readonly marks, so that two spellings of one shape compare equal. */
type Plain<T> = T extends object
  ? { -readonly [K in keyof T]-?: Plain<Exclude<T[K], undefined>> }
  : T;

type Same<A, B> = [Plain<A>, Plain<B>] extends [Plain<B>, Plain<A>] ? true : false;

/** A schema that takes what an interface `T` documents and gives it back filled. */
export type SchemaOf<T> = z.ZodType<Filled<T>, Given<T>>;

/**
 * Compile-time proof that a schema accepts exactly the fields that `T` documents: a field that only one of the two has
 * is a type error.
 */
export function schemaOf<T>(): <S extends SchemaOf<T>>(
  schema: Same<T, z.input<S>> extends true ? S : never,
) => SchemaOf<T> {
  return (schema) => schema;
}
