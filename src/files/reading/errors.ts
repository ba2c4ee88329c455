import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** A file that does not hold what its format promises: names the file, the place in it, what was expected and what was found. */
export class BadFileError extends Error {
  override readonly name: string = "BadFileError";
  readonly code: ErrorCode = "ERR_BAD_FILE";
  readonly path: string;
  /** The message without the path and the place. */
  readonly reason: string;

  constructor(path: string, place: string, expected: string, found: string, advice?: string) {
    const reason = `expected ${expected} but found ${found}${advice === undefined ? "" : `; ${advice}`}`;
    super(`${path}: ${place}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** There is no file of that name. */
export class MissingFileError extends BadFileError {
  override readonly name = "MissingFileError";
  override readonly code = "ERR_MISSING_FILE" satisfies ErrorCode;
  constructor(path: string, expected: string) {
    super(path, "file", expected, "nothing of that name");
  }
}

knownClasses(BadFileError, MissingFileError);

const LONGEST_QUOTE = 120;

/** What JSON has no word for, or would show as another value. */
const readable = (value: unknown): unknown =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : value;

/** A value from a file as it may stand in a message: JSON, cut short, so that a hostile file cannot fill the log. */
export const quote = (value: unknown): string => {
  const text = typeof value === "number" ? String(value) : written(value);
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}…`;
};

function written(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, item: unknown) => readable(item)) ?? "nothing";
  } catch (error) {
    if (error instanceof RangeError) return "JSON of too many levels"; // the stack ends before they do
    throw error;
  }
}
