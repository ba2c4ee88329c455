import { InvalidTypeError } from "../../errors/index.ts";

/**
 * Returns the result of a body that must not be asynchronous, because what `name` sets is thread state that ends before a promise
 * settles.
 */
export function assertSynchronous<T>(result: T, name: string): T {
  if (result instanceof Promise) {
    throw new InvalidTypeError(
      `Expected a synchronous function for ${name} but received a promise: wrap each synchronous part of an async function separately.`,
    );
  }
  return result;
}
