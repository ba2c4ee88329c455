import { classNamed, classNameOf } from "../../errors/index.ts";

/** An error as it is posted to another thread: structured clone would drop its class, and what it holds beside its message. */
export interface SentError {
  /** The nearest class that both threads know. */
  readonly type: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: SentError | undefined;
  /** `code`, `path` and the like: texts, numbers and truth values. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Makes an error fit to be posted. */
export function sendError(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { name, message, stack, cause } = error;
  return {
    type: classNameOf(error),
    name,
    message,
    stack,
    cause: cause === undefined ? undefined : sendError(cause),
    facts: Object.fromEntries(
      Object.entries(error).filter(([, value]) =>
        ["string", "number", "boolean"].includes(typeof value),
      ),
    ),
  };
}

/** The error that another thread posted, of its class. */
export function receiveError({ type, name, message, stack, cause, facts }: SentError): Error {
  const options = cause === undefined ? undefined : { cause: receiveError(cause) };
  // Not by its own constructor, which makes a message of other things.
  const error: Error = Object.setPrototypeOf(
    new Error(message, options),
    classNamed(type).prototype,
  );
  const hidden = { writable: true, configurable: true, enumerable: false };
  if (stack !== undefined) Object.defineProperty(error, "stack", { ...hidden, value: stack });
  Object.assign(error, facts);
  if (error.name !== name) Object.defineProperty(error, "name", { ...hidden, value: name });
  return error;
}
