import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/**
 * Runs the garbage collector now. Tests that count live tensors call it first: tensors that earlier tests dropped would
 * otherwise be collected while they count.
 */
export const collectGarbage: () => void = runInNewContext("gc");
