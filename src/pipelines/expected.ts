/** The error of an argument that cannot be used: `Expected {what} for {name} but received {received}`. */
export const expected = (what: string, name: string, received: unknown): Error =>
  new Error(`Expected ${what} for ${name} but received ${received}`);

/** Throws unless `value` is a whole number from 1. */
export function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw expected("a positive integer", name, value);
}
