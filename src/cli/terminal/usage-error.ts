import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** A command line that cannot be carried out; the command ends with exit code 2 before it does anything. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "ERR_USAGE" satisfies ErrorCode;
}

knownClasses(UsageError);
