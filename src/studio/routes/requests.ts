import type { z } from "zod";
import { FileWriteError } from "../../files/write-error.ts";
import type { AppContext } from "../../server/app-types.ts";
import { ApiError, shuttingDown } from "../../server/http/api-error.ts";
import { checkBody } from "../../server/http/check-body.ts";
import { readSmallJson } from "../../server/http/read-body.ts";
import type { SessionState } from "../api-types.ts";
import type { StudioContext } from "../studio-context.ts";

/** Parses the body of a request with its schema. Throws an ApiError. */
export async function bodyOf<S extends z.ZodObject>(
  c: AppContext,
  schema: S,
): Promise<z.output<S>> {
  return checkBody(schema, await readSmallJson(c.req.raw), false).body;
}

/** What the holder of a key may do; `hasFullAccess` is false for a view key. */
export const rightsOf = (
  hasFullAccess: boolean,
  { options, server }: StudioContext,
): SessionState => ({
  canDraw: hasFullAccess,
  canDrawRuns: hasFullAccess && options.offersModels,
  canControl: hasFullAccess && !options.isReadOnly,
  needsKey: server.keys.isNeeded,
});

/** Whether the caller may start and change runs. */
export const mayChange = (c: AppContext, studio: StudioContext): boolean =>
  rightsOf(c.get("canControl"), studio).canControl;

/**
 * Throws an ApiError if the caller may not change anything, or if the server is shutting down: nobody would end what it began.
 * View keys have been rejected before this.
 */
export function requireChange(c: AppContext, studio: StudioContext): void {
  if (studio.server.isDraining()) throw shuttingDown();
  if (mayChange(c, studio)) return;
  throw new ApiError(
    403,
    "read_only",
    "This server shows runs read-only; to change them, use pixart studio without --read-only",
  );
}

/** Starts a run; throws an ApiError with the reason if something that it needs can't be written. */
export async function startingRun<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof FileWriteError)) throw error;
    throw new ApiError(409, "not_writable", `The run can't be started: ${error.message}`);
  }
}

/** An integer query parameter within limits; the fallback if it is not one. */
export function numberOf(
  text: string | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? Math.min(most, Math.max(least, Math.round(value))) : fallback;
}
