import { InvalidTypeError, InvalidValueError } from "../errors/index.ts";
import { NonFiniteError } from "../pipelines/index.ts";
import type { EngineFailure } from "../server/engine/engine-messages.ts";

/** How libtorch's allocators, and V8's for typed arrays, report that memory is exhausted. */
const NO_MEMORY = /out of memory|can't allocate memory|not enough memory|Array buffer allocation/i;

/** A request that does not fit: nothing was computed, and the message, which names no operator, is for its sender. */
const isTheirs = (error: Error): boolean =>
  (error instanceof InvalidValueError || error instanceof InvalidTypeError) &&
  error.message.startsWith("Expected ");

/** Converts an error of drawing for the server. Details for this machine's owner only stay in the log. */
export function engineFailure(error: unknown): EngineFailure {
  if (!(error instanceof Error)) return { code: "drawing_failed", message: String(error) };
  const { message } = error;
  if (error.name === "AbortError") return { code: "aborted", message };
  if (NO_MEMORY.test(message)) return { code: "out_of_memory", message };
  if (error instanceof NonFiniteError) return { code: "not_finite", message };
  return { code: isTheirs(error) ? "invalid_value" : "drawing_failed", message };
}
