import { signal } from "@preact/signals";
import { errorOf, PixartError } from "../../../src/client/pixart-error.ts";
import type { JobAnswer } from "../../../src/client/results.ts";

/** Whether the server refused this tab for lack of a session; the key form is shown then. */
export const isLockedOut = signal(false);

/** The studio's answer at a path below `/api`. Throws PixartError if it refuses or doesn't answer. */
export const getJson = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  ask<T>(`/api${path}`, signal === undefined ? {} : { signal });

/** The same for a POST. */
export const postJson = <T>(path: string, body: object): Promise<T> =>
  ask<T>(`/api${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

/** The state of a drawing job by its id. Throws like the others. */
export const getJob = (id: string): Promise<JobAnswer> =>
  ask<JobAnswer>(`/v1/jobs/${encodeURIComponent(id)}`, {});

/** Cancels a running or waiting job by its id. Throws like the others. */
export const cancelJob = (id: string): Promise<unknown> =>
  ask(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    const message = "The server does not answer. Is `pixart studio` still running?";
    throw new PixartError(0, { message, code: "no_answer", param: null });
  });
  if (response.status === 401) isLockedOut.value = true;
  if (!response.ok) throw await errorOf(response);
  return response.json() as Promise<T>;
}

/** Whether the server answered and refused: asking again would not help. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof PixartError && error.status > 0;

/** The message of anything thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
