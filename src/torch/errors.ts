import { type ErrorCode, InvalidTypeError, knownClasses } from "../errors/index.ts";

/** A failure inside libtorch or the addon: names the operator, the shapes it got and libtorch's first line. */
export class TorchError extends Error {
  override readonly name: string = "TorchError";
  readonly code: ErrorCode = "ERR_TORCH";

  constructor(message: string) {
    super(firstParagraph(message));
  }
}

/** A use of a tensor whose memory was already given back. */
export class TensorDisposedError extends TorchError {
  override readonly name: string = "TensorDisposedError";
  override readonly code = "ERR_TENSOR_DISPOSED" satisfies ErrorCode;
}

/** How the addon says that an argument is of a type that it does not take. `none` is what nothing stands for, or a lone object. */
const WRONG_TYPE =
  /: Expected an? [\w ]+ for \w+ but received (none|undefined|null|boolean|number|string|symbol|an object|a function|a native handle|a bigint|something else)$/;

/** What the addon constructs and throws where it fails. */
export function NativeFailure(message: string): TorchError | InvalidTypeError {
  const error = WRONG_TYPE.test(message) ? new InvalidTypeError(message) : new TorchError(message);
  Error.captureStackTrace(error, NativeFailure);
  return error;
}

knownClasses(TorchError, TensorDisposedError);

// libtorch appends dispatch tables, C++ frames and advice on linking that help nobody outside it.
const TAIL =
  /\n(Exception raised from|\s*\n|CPU: registered at)| This could be because the operator doesn't exist for this backend| PyTorch splits its backend into two shared libraries/;

const firstParagraph = (message: string): string => {
  const end = message.search(TAIL);
  return (end < 0 ? message : message.slice(0, end)).trim();
};
