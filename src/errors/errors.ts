import type { ErrorCode } from "./codes.ts";
import { knownClasses } from "./error-classes.ts";

/** An argument or option of the right type with a value that cannot be used. */
export class InvalidValueError extends RangeError {
  override readonly name = "InvalidValueError";
  readonly code = "ERR_INVALID_VALUE" satisfies ErrorCode;
}

/** An argument or option of another JavaScript type than it must have. */
export class InvalidTypeError extends TypeError {
  override readonly name = "InvalidTypeError";
  readonly code = "ERR_INVALID_TYPE" satisfies ErrorCode;
}

/** A call before or after its time. */
export class InvalidStateError extends Error {
  override readonly name = "InvalidStateError";
  readonly code = "ERR_INVALID_STATE" satisfies ErrorCode;
}

/** What does not fit together: weights and a model, an adapter and its base, a checkpoint and a stage. */
export class IncompatibleError extends Error {
  override readonly name = "IncompatibleError";
  readonly code = "ERR_INCOMPATIBLE" satisfies ErrorCode;
}

/** What is understood, but cannot be done by this library or this installation. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly code = "ERR_UNSUPPORTED" satisfies ErrorCode;
}

/** A file or folder that was to be made is there already; nothing was written. */
export class TargetExistsError extends Error {
  override readonly name = "TargetExistsError";
  readonly code = "ERR_TARGET_EXISTS" satisfies ErrorCode;
}

/** A data set that cannot be used as it is. */
export class DatasetError extends Error {
  override readonly name: string = "DatasetError";
  readonly code = "ERR_DATASET" satisfies ErrorCode;
}

/** A picture that can't be read: `source` names the file, `reason` says why. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code = "ERR_IMAGE" satisfies ErrorCode;
  readonly source: string;
  readonly reason: string;

  constructor(source: string, reason: string, options?: ErrorOptions) {
    super(`${source}: ${reason}`, options);
    this.source = source;
    this.reason = reason;
  }
}

/** What {@link RunError} may say. */
export type RunErrorCode = Extract<
  ErrorCode,
  "ERR_NO_RUN" | "ERR_NO_CHECKPOINT" | "ERR_LOCK_HELD" | "ERR_DATA_CHANGED"
>;

/** A run that cannot be gone on with, or used, as it is. */
export class RunError extends Error {
  override readonly name = "RunError";
  readonly code: RunErrorCode;

  constructor(code: RunErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The processes of one run did not meet, or are not alike. */
export class DistributedError extends Error {
  override readonly name: string = "DistributedError";
  readonly code = "ERR_DISTRIBUTED" satisfies ErrorCode;
}

/** What {@link ResourceError} may say. */
export type ResourceErrorCode = Extract<
  ErrorCode,
  "ERR_ENGINE" | "ERR_DEVICE" | "ERR_MEMORY" | "ERR_NO_ROOM"
>;

/** What a machine lacks: the engine, a device, memory, room on a disk. */
export class ResourceError extends Error {
  override readonly name = "ResourceError";
  readonly code: ResourceErrorCode;

  constructor(code: ResourceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A thread or process that worked for this one has ended; the message says why. What it was doing is lost. */
export class WorkerEndedError extends Error {
  override readonly name: string = "WorkerEndedError";
  /** `ERR_PIPELINE_DISPOSED` where it was a pipeline that was asked to end. */
  readonly code: Extract<ErrorCode, "ERR_WORKER_ENDED" | "ERR_PIPELINE_DISPOSED">;

  constructor(message: string, code: WorkerEndedError["code"] = "ERR_WORKER_ENDED") {
    super(message);
    this.code = code;
  }
}

/** What was made is not what it should be when it is looked at again. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
  readonly code = "ERR_VERIFICATION" satisfies ErrorCode;
}

/** A fault of this library, which no argument and no file should cause: please report it. */
export class InternalError extends Error {
  override readonly name = "InternalError";
  readonly code = "ERR_INTERNAL" satisfies ErrorCode;
}

knownClasses(
  InvalidValueError,
  InvalidTypeError,
  InvalidStateError,
  IncompatibleError,
  UnsupportedError,
  TargetExistsError,
  DatasetError,
  ImageError,
  RunError,
  DistributedError,
  ResourceError,
  WorkerEndedError,
  VerificationError,
  InternalError,
);
