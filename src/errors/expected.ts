import { InvalidTypeError, InvalidValueError } from "./errors.ts";

const sentence = (what: string, name: string, received: unknown): string =>
  `Expected ${what} for ${name} but received ${received}`;

/** The error for an invalid value: `Expected {what} for {name} but received {received}`. */
export const expected = (what: string, name: string, received: unknown): InvalidValueError =>
  new InvalidValueError(sentence(what, name, received));

/** The same for a value of the wrong JavaScript type. */
export const expectedType = (what: string, name: string, received: unknown): InvalidTypeError =>
  new InvalidTypeError(sentence(what, name, received));
