import { type ErrorCode, knownClasses } from "../errors/index.ts";

/** A model or data set that the Hub, the network or the disk did not give; the message says which, why and what to do. */
export class HubError extends Error {
  override readonly name: string = "HubError";
  readonly code: ErrorCode = "ERR_HUB";
}

/** The Hub gave no answer, or one that will be different later: a cached revision may stand in for it. */
export class HubUnreachableError extends HubError {
  override readonly name = "HubUnreachableError";
  override readonly code = "ERR_HUB_UNREACHABLE" satisfies ErrorCode;
}

/** The repository is there, and has no such branch, tag or commit. */
export class UnknownRevisionError extends HubError {
  override readonly name = "UnknownRevisionError";
  override readonly code = "ERR_HUB_NOT_FOUND" satisfies ErrorCode;
}

/** The Hub shows no repository of this name. */
export class UnknownRepositoryError extends HubError {
  override readonly name = "UnknownRepositoryError";
  override readonly code = "ERR_HUB_NOT_FOUND" satisfies ErrorCode;
}

knownClasses(HubError, HubUnreachableError, UnknownRevisionError, UnknownRepositoryError);
