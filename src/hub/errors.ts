import { type ErrorCode, knownClasses } from "../errors/index.ts";

/**
 * Thrown when a model or data set could not be obtained from the Hub, the network or the disk. The message says which, why and
 * what to do.
 */
export class HubError extends Error {
  override readonly name: string = "HubError";
  readonly code: ErrorCode = "ERR_HUB";
}

/** The Hub gave no answer, or one that may change later: a cached revision may be used instead. */
export class HubUnreachableError extends HubError {
  override readonly name = "HubUnreachableError";
  override readonly code = "ERR_HUB_UNREACHABLE" satisfies ErrorCode;
}

/** The repository exists, but has no such branch, tag or commit. */
export class UnknownRevisionError extends HubError {
  override readonly name = "UnknownRevisionError";
  override readonly code = "ERR_HUB_NOT_FOUND" satisfies ErrorCode;
}

/** No repository of this name is visible on the Hub. */
export class UnknownRepositoryError extends HubError {
  override readonly name = "UnknownRepositoryError";
  override readonly code = "ERR_HUB_NOT_FOUND" satisfies ErrorCode;
}

knownClasses(HubError, HubUnreachableError, UnknownRevisionError, UnknownRepositoryError);
