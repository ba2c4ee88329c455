import { classNamed, classNameOf } from "../../errors/index.ts";

/** An error as it is posted to another thread: structured clone would lose its class, and its fields except the message. */
export interface SentError {
  /** The nearest class that both threads know. */
  readonly type: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: SentError | undefined;
  /** `code`, `path` and the like: strings, numbers and booleans. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Converts an error for posting. */
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

/** The error that another thread posted, with its class restored. */
export function receiveError({ type, name, message, stack, cause, facts }: SentError): Error {
  const options = cause === undefined ? undefined : { cause: receiveError(cause) };
  // Not by its own constructor, which would compose another message.
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
