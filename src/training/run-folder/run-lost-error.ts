import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** This process may no longer write its run folder: it was moved, removed, or taken over by another process. */
export class RunLostError extends Error {
  override readonly name: string = "RunLostError";
  readonly code = "ERR_RUN_LOST" satisfies ErrorCode;
}

knownClasses(RunLostError);
