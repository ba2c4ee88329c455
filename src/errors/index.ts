/** Errors: their codes, the classes that several rooms throw, and functions that create them. */
export { classNamed, classNameOf, knownClasses } from "./error-classes.ts";
export {
  DatasetError,
  DistributedError,
  ImageError,
  RunError,
  type RunErrorCode,
  VerificationError,
  WorkerEndedError,
} from "./errors.ts";
export { expected, expectedNo, expectedType } from "./expected.ts";
export * from "./public.ts";
