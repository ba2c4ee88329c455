import type { ErrorCode } from "./codes.ts";
import { knownClasses } from "./error-classes.ts";

/** Thrown for an argument or option of the right type with an invalid value. */
export class InvalidValueError extends RangeError {
  override readonly name = "InvalidValueError";
  readonly code = "ERR_INVALID_VALUE" satisfies ErrorCode;
}

/** Thrown for an argument or option of the wrong JavaScript type. */
export class InvalidTypeError extends TypeError {
  override readonly name = "InvalidTypeError";
  readonly code = "ERR_INVALID_TYPE" satisfies ErrorCode;
}

/** Thrown for a call that is too early or too late. */
export class InvalidStateError extends Error {
  override readonly name = "InvalidStateError";
  readonly code = "ERR_INVALID_STATE" satisfies ErrorCode;
}

/** Thrown for parts that do not fit together: weights and a model, an adapter and its base, a checkpoint and a stage. */
export class IncompatibleError extends Error {
  override readonly name = "IncompatibleError";
  readonly code = "ERR_INCOMPATIBLE" satisfies ErrorCode;
}

/** Thrown for a valid request that this library or this installation can't fulfil. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly code = "ERR_UNSUPPORTED" satisfies ErrorCode;
}

/** Thrown when a file or folder to be created already exists; nothing was written. */
export class TargetExistsError extends Error {
  override readonly name = "TargetExistsError";
  readonly code = "ERR_TARGET_EXISTS" satisfies ErrorCode;
}

/** Thrown for a data set that can't be used as it is. */
export class DatasetError extends Error {
  override readonly name: string = "DatasetError";
  readonly code = "ERR_DATASET" satisfies ErrorCode;
}

/** Thrown for a picture that can't be read: `source` names the file, `reason` says why. */
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

/** The codes of {@link RunError}. */
export type RunErrorCode = Extract<
  ErrorCode,
  "ERR_NO_RUN" | "ERR_NO_CHECKPOINT" | "ERR_LOCK_HELD" | "ERR_DATA_CHANGED"
>;

/** Thrown for a run that can't be continued, or used, as it is. */
export class RunError extends Error {
  override readonly name = "RunError";
  readonly code: RunErrorCode;

  constructor(code: RunErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Thrown when the processes of one run did not meet, or differ. */
export class DistributedError extends Error {
  override readonly name: string = "DistributedError";
  readonly code = "ERR_DISTRIBUTED" satisfies ErrorCode;
}

/** The codes of {@link ResourceError}. */
export type ResourceErrorCode = Extract<
  ErrorCode,
  "ERR_ENGINE" | "ERR_DEVICE" | "ERR_MEMORY" | "ERR_NO_ROOM"
>;

/** Thrown when a machine lacks something: the engine, a device, memory, disk space. */
export class ResourceError extends Error {
  override readonly name = "ResourceError";
  readonly code: ResourceErrorCode;

  constructor(code: ResourceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Thrown when a thread or process that worked for this one has ended; the message says why. Its work is lost. */
export class WorkerEndedError extends Error {
  override readonly name: string = "WorkerEndedError";
  /** `ERR_PIPELINE_DISPOSED` if a pipeline was disposed. */
  readonly code: Extract<ErrorCode, "ERR_WORKER_ENDED" | "ERR_PIPELINE_DISPOSED">;

  constructor(message: string, code: WorkerEndedError["code"] = "ERR_WORKER_ENDED") {
    super(message);
    this.code = code;
  }
}

/** Thrown when a result fails its verification. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
  readonly code = "ERR_VERIFICATION" satisfies ErrorCode;
}

/** Thrown for a bug in this library, which no argument or file should cause: please report it. */
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
