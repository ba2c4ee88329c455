import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** Thrown for a file that violates its format: names the file, the position in it, what was expected and what was found. */
export class BadFileError extends Error {
  override readonly name: string = "BadFileError";
  readonly code: ErrorCode = "ERR_BAD_FILE";
  readonly path: string;
  /** The message without the path and the position. */
  readonly reason: string;

  constructor(path: string, place: string, expected: string, found: string, advice?: string) {
    const reason = `expected ${expected} but found ${found}${advice === undefined ? "" : `; ${advice}`}`;
    super(`${path}: ${place}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** The file does not exist. */
export class MissingFileError extends BadFileError {
  override readonly name = "MissingFileError";
  override readonly code = "ERR_MISSING_FILE" satisfies ErrorCode;
  constructor(path: string, expected: string) {
    super(path, "file", expected, "nothing of that name");
  }
}

knownClasses(BadFileError, MissingFileError);

const LONGEST_QUOTE = 120;

/** Values that JSON can't represent, or would show as another value. */
const readable = (value: unknown): unknown =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : value;

/** A value from a file for a message: JSON, truncated, so that a hostile file cannot fill the log. */
export const quote = (value: unknown): string => {
  const text = typeof value === "number" ? String(value) : written(value);
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}…`;
};

function written(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, item: unknown) => readable(item)) ?? "nothing";
  } catch (error) {
    if (error instanceof RangeError) return "JSON of too many levels"; // the stack overflows first
    throw error;
  }
}
