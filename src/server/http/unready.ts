import { ApiError } from "./api-error.ts";

/** The answer of a server that ends. */
export const shuttingDown = (): ApiError =>
  new ApiError(503, "shutting_down", "The server is shutting down", { retryAfter: 5 });

/** The answer of a server that has just started. */
export const modelLoading = (): ApiError =>
  new ApiError(503, "model_loading", "The models are being loaded", { retryAfter: 2 });
