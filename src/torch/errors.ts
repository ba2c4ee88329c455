import { type ErrorCode, InvalidTypeError, knownClasses } from "../errors/index.ts";

/** A failure inside libtorch or the addon. Names the operator, its input shapes and libtorch's first line. */
export class TorchError extends Error {
  override readonly name: string = "TorchError";
  readonly code: ErrorCode = "ERR_TORCH";

  constructor(message: string) {
    super(firstParagraph(message));
  }
}

/** Thrown when a tensor is used whose memory was already freed. */
export class TensorDisposedError extends TorchError {
  override readonly name: string = "TensorDisposedError";
  override readonly code = "ERR_TENSOR_DISPOSED" satisfies ErrorCode;
}

/** The addon's message for an argument of an unsupported type. `none` stands for a missing argument or a plain object. */
const WRONG_TYPE =
  /: Expected an? [\w ]+ for \w+ but received (none|undefined|null|boolean|number|string|symbol|an object|a function|a native handle|a bigint|something else)$/;

/** Called by the addon to create the error that it throws. */
export function NativeFailure(message: string): TorchError | InvalidTypeError {
  const error = WRONG_TYPE.test(message) ? new InvalidTypeError(message) : new TorchError(message);
  Error.captureStackTrace(error, NativeFailure);
  return error;
}

knownClasses(TorchError, TensorDisposedError);

// libtorch appends dispatch tables, C++ frames and linking advice, which are of no use to users.
const TAIL =
  /\n(Exception raised from|\s*\n|CPU: registered at)| This could be because the operator doesn't exist for this backend| PyTorch splits its backend into two shared libraries/;

const firstParagraph = (message: string): string => {
  const end = message.search(TAIL);
  return (end < 0 ? message : message.slice(0, end)).trim();
};
