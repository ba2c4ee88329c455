import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** A command line that asks for what there is not; the command ends with exit code 2, before anything was done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "ERR_USAGE" satisfies ErrorCode;
}

knownClasses(UsageError);
