import { InvalidTypeError } from "../../errors/index.ts";

/**
 * Returns the result of a body that must not be asynchronous, because `what` is thread state that ends before a promise settles.
 */
export function assertSynchronous<T>(result: T, what: string): T {
  if (result instanceof Promise) {
    throw new InvalidTypeError(
      `${what} belongs to a synchronous part: wrap each part of an async function separately.`,
    );
  }
  return result;
}
