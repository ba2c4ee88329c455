import { InvalidTypeError, InvalidValueError } from "./errors.ts";

const sentence = (what: string, name: string, received: unknown): string =>
  `Expected ${what} for ${name} but received ${received}`;

/** The error for an invalid value: `Expected {what} for {name} but received {received}`. */
export const expected = (what: string, name: string, received: unknown): InvalidValueError =>
  new InvalidValueError(sentence(what, name, received));

/** The error for an option that may not be given here: `Expected no {name} {where} but received {received}`. */
export const expectedNo = (name: string, where: string, received: unknown): InvalidValueError =>
  new InvalidValueError(`Expected no ${name} ${where} but received ${received}`);

/** As `expected`, for a value of the wrong JavaScript type. */
export const expectedType = (what: string, name: string, received: unknown): InvalidTypeError =>
  new InvalidTypeError(sentence(what, name, received));
