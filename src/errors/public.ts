/** The errors exported by every entry of the package: the codes, and the classes that any part may throw. */
export { ERROR_CODES, type ErrorCode } from "./codes.ts";
export {
  IncompatibleError,
  InternalError,
  InvalidStateError,
  InvalidTypeError,
  InvalidValueError,
  ResourceError,
  type ResourceErrorCode,
  TargetExistsError,
  UnsupportedError,
} from "./errors.ts";
