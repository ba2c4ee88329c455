import { FileWriteError } from "../../files/write-error.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { requestControl } from "../../training/run-folder/control.ts";
import type { ControlRequest } from "../api-types.ts";
import type { LiveRun } from "./live-run.ts";
import { readingRun, readRun } from "./read-run.ts";
import type { RunProcess } from "./run-process.ts";

/**
 * Sends a request to the process that writes a run, wherever it is: through the run's folder, or by a signal if it was recognized
 * here, since a signal also stops what comes before the first step. Throws an ApiError if there is no such process, or if it can't
 * be reached.
 */
export async function controlRun(run: LiveRun, what: ControlRequest["do"]): Promise<void> {
  const found = await readingRun(run.place, () => run.process);
  if (found === undefined)
    throw new ApiError(
      409,
      "run_not_at_work",
      "No process is writing this run, so there is none to ask",
    );
  if (what === "stop" && isSignalled(found)) return;
  const { tail } = await readRun(run);
  const begun = tail.events.findLast(({ type }) => type === "run-start" || type === "resume");
  if (begun === undefined || !("facts" in begun)) {
    throw new ApiError(
      409,
      "older_version",
      `This run was started by an older version of pixart, which takes no requests; it can only be stopped, by Ctrl+C or SIGTERM on ${found.host}`,
    );
  }
  try {
    requestControl(run.place.path, what);
  } catch (error) {
    if (!(error instanceof FileWriteError)) throw error;
    throw new ApiError(
      409,
      "run_not_writable",
      `The request can't be written into the run: ${error.message}`,
    );
  }
}

/** Sends SIGTERM; false if the process is of another user, has just ended, or may be another one than its id stands for here. */
function isSignalled({ pid, isRecognized }: RunProcess): boolean {
  if (!isRecognized || pid === null) return false;
  try {
    return process.kill(pid, "SIGTERM");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPERM" || code === "ESRCH") return false;
    throw error;
  }
}
