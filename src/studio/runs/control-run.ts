import { ApiError } from "../../server/http/api-error.ts";
import type { ControlRequest } from "../api-types.ts";
import type { LiveRun } from "./live-run.ts";

/**
 * Asks the process that writes a run to do something. Throws an ApiError where none does, or one of another machine: who that is can't
 * be seen from here.
 */
export function controlRun(run: LiveRun, what: ControlRequest["do"]): void {
  const { process: found } = run;
  if (found === undefined)
    throw new ApiError(
      409,
      "run_not_at_work",
      "No process writes this run, so that none can be asked",
    );
  const { pid, isHere } = found;
  if (!isHere || pid === null) {
    throw new ApiError(
      409,
      "run_elsewhere",
      `A process on ${found.host} writes this run: stop it there`,
    );
  }
  // Whose start was just compared with the lock's: no other process has this number.
  if (what === "stop") process.kill(pid, "SIGTERM");
  else throw new ApiError(409, "unsupported", "This run can't be asked for that");
}
