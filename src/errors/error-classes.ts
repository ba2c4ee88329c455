type ErrorClass = abstract new (...args: never) => Error;

const known = new Map<string, ErrorClass>(
  [Error, RangeError, TypeError].map((each) => [each.name, each]),
);

/**
 * Registers classes by their names, so that their errors keep their class when sent between threads. Called where they are
 * defined.
 */
export function knownClasses(...classes: readonly ErrorClass[]): void {
  for (const each of classes) known.set(each.name, each);
}

/** The nearest known class of an error. */
export function classNameOf(error: Error): string {
  for (let at: unknown = Object.getPrototypeOf(error); at instanceof Error; ) {
    const { name } = at.constructor;
    if (known.get(name) === at.constructor) return name;
    at = Object.getPrototypeOf(at);
  }
  return "Error";
}

/** A known class by its name. */
export const classNamed = (name: string): ErrorClass => known.get(name) ?? Error;
