import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** A run folder is no longer this process's to write: it was moved, removed, or taken over by another process. */
export class RunLostError extends Error {
  override readonly name: string = "RunLostError";
  readonly code = "ERR_RUN_LOST" satisfies ErrorCode;
}

knownClasses(RunLostError);
