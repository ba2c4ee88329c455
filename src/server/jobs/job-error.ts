import { EngineFailureError, EngineLostError } from "../engine/engine-process.ts";
import { ApiError } from "../http/api-error.ts";

/**
 * The error for the caller of a failed job. The job was already retried, so OpenAI's clients are asked not to; only messages
 * about the request are passed on.
 */
export function jobError(error: unknown): ApiError {
  const final = { shouldRetry: false };
  if (error instanceof ApiError) return error;
  if (error instanceof EngineLostError) {
    return new ApiError(
      500,
      "worker_lost",
      "The drawing process ended twice while it drew this; the server keeps running",
      final,
    );
  }
  if (!(error instanceof EngineFailureError)) {
    return new ApiError(
      500,
      "internal_error",
      "The picture could not be encoded; the server's log says why",
      final,
    );
  }
  switch (error.failure.code) {
    case "invalid_value":
      return new ApiError(400, "invalid_value", error.failure.message);
    case "out_of_memory":
      return new ApiError(
        500,
        "out_of_memory",
        "There is not enough memory for this picture: ask for a smaller size or fewer at once",
        final,
      );
    case "not_finite":
      return new ApiError(
        500,
        "not_finite",
        "The model produced NaN or infinity, so there is no picture",
        final,
      );
    default:
      return new ApiError(
        500,
        "drawing_failed",
        "The picture could not be drawn; the server's log says why",
        final,
      );
  }
}
