import { ApiError } from "../../server/http/api-error.ts";
import { requestControl } from "../../training/run-folder/control.ts";
import type { ControlRequest } from "../api-types.ts";
import type { LiveRun } from "./live-run.ts";

/**
 * Sends a request to the process that writes a run. Throws an ApiError if there is none, or if it runs on another machine, where
 * it can't be identified.
 */
export async function controlRun(run: LiveRun, what: ControlRequest["do"]): Promise<void> {
  const { process: found } = run;
  if (found === undefined)
    throw new ApiError(
      409,
      "run_not_at_work",
      "No process is writing this run, so there is none to ask",
    );
  const { pid, isHere } = found;
  if (!isHere || pid === null) {
    throw new ApiError(
      409,
      "run_elsewhere",
      `A process on ${found.host} is writing this run: stop it there`,
    );
  }
  if (what === "stop" && process.platform !== "win32") {
    // Its start time was just compared with the lock's: no other process has this id.
    process.kill(pid, "SIGTERM");
    return;
  }
  const { tail } = await run.history();
  const begun = tail.events.findLast(({ type }) => type === "run-start" || type === "resume");
  if (begun === undefined || !("facts" in begun)) {
    throw new ApiError(
      409,
      "older_version",
      "This run was started by an older version of pixart, so it can only be stopped",
    );
  }
  requestControl(run.place.path, what);
}
