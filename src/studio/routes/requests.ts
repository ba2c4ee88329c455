import type { z } from "zod";
import type { AppContext } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { checkBody } from "../../server/http/check-body.ts";
import { readJson } from "../../server/http/read-body.ts";
import type { StudioContext } from "../studio-context.ts";

/** Parses the body of a request with its schema. Throws an ApiError. */
export async function bodyOf<S extends z.ZodObject>(
  c: AppContext,
  schema: S,
): Promise<z.output<S>> {
  return checkBody(schema, await readJson(c.req.raw), false).body;
}

/** Whether the caller may change runs. */
export const mayChange = (c: AppContext, { options }: StudioContext): boolean =>
  c.get("canControl") && !options.isReadOnly;

/** Throws an ApiError if the caller may not change anything. View keys have been rejected before this. */
export function requireChange(c: AppContext, studio: StudioContext): void {
  if (mayChange(c, studio)) return;
  throw new ApiError(
    403,
    "read_only",
    "This server shows runs read-only; to change them, use pixart studio without --read-only",
  );
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
