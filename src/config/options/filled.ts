import type { z } from "zod";

/** `T` with every field present, at every depth: turns a written config into a resolved one. */
export type Filled<T> = T extends object ? { readonly [K in keyof T]-?: Filled<T[K]> } : T;

/** `T` with optional fields that may also be undefined: what zod accepts for a field with a default. */
type Given<T> = T extends readonly unknown[]
  ? { readonly [K in keyof T]: Given<T[K]> }
  : T extends object
    ? { readonly [K in keyof T]: Given<T[K]> | (object extends Pick<T, K> ? undefined : never) }
    : T;

/** `T` without optional and readonly modifiers, so that two spellings of one shape compare equal. */
type Plain<T> = T extends object
  ? { -readonly [K in keyof T]-?: Plain<Exclude<T[K], undefined>> }
  : T;

type Same<A, B> = [Plain<A>, Plain<B>] extends [Plain<B>, Plain<A>] ? true : false;

/** A schema that accepts what the interface `T` documents and returns it filled in. */
export type SchemaOf<T> = z.ZodType<Filled<T>, Given<T>>;

/**
 * Compile-time proof that a schema accepts exactly the fields that `T` documents: a field missing from either is a type error.
 */
export function schemaOf<T>(): <S extends SchemaOf<T>>(
  schema: Same<T, z.input<S>> extends true ? S : never,
) => SchemaOf<T> {
  return (schema) => schema;
}
