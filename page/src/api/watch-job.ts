import type { CheckState } from "../../../src/studio/api-types.ts";
import { backOff } from "./back-off.ts";
import { getJson, isRefusal } from "./request.ts";

const EVERY_MS = 700;

/** Reports the progress of a studio job until it is over or no longer wanted. Goes on after lost requests; throws what the server refuses. */
export async function watchJob(
  job: string,
  isWanted: () => boolean,
  tell: (state: CheckState) => void,
): Promise<void> {
  for (let failures = 0; ; ) {
    let wait = EVERY_MS;
    try {
      const state = await getJson<CheckState>(`/jobs/${encodeURIComponent(job)}`);
      if (!isWanted()) return;
      tell(state);
      if (state.state !== "running") return;
      failures = 0;
    } catch (error) {
      if (!isWanted()) return;
      if (isRefusal(error)) throw error;
      wait = backOff(failures);
      failures += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (!isWanted()) return;
  }
}
