import type { ResolvedConfig } from "../../config/index.ts";
import { ApiError } from "../../server/http/api-error.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import type { LiveRun } from "./live-run.ts";
import { reasonOf } from "./run-line.ts";
import type { RunPlace } from "./run-table.ts";

/** A run's config and events, read up to now. */
export interface ReadRun {
  readonly config: ResolvedConfig;
  readonly tail: EventTail;
  /** Seconds by activity. */
  readonly time: ReadonlyMap<string, number>;
}

/** Reads a run. Throws an ApiError with the reason if it can't be read. */
export const readRun = (run: LiveRun): Promise<ReadRun> =>
  readingRun(run.place, async () => {
    const { config } = run;
    const { tail, time } = await run.history();
    return { config, tail, time };
  });

/** Reads some file of a run. Throws an ApiError with the reason if `read` fails. */
export async function readingRun<T>(
  { name }: Pick<RunPlace, "name">,
  read: () => T | Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw unreadableRun(name, reasonOf(error));
  }
}

/** The error answer for a run that can't be read. */
export const unreadableRun = (name: string, reason: string | null): ApiError =>
  new ApiError(409, "run_unreadable", `The run ${name} can't be read: ${reason ?? "unknown"}`);
