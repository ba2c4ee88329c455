import type { CheckState } from "../../../src/studio/api-types.ts";
import { getJson } from "./request.ts";

const EVERY_MS = 700;

/** Reports the progress of a studio job until it is over or no longer wanted. */
export async function watchJob(
  job: string,
  isWanted: () => boolean,
  tell: (state: CheckState) => void,
): Promise<void> {
  for (;;) {
    const state = await getJson<CheckState>(`/jobs/${encodeURIComponent(job)}`);
    if (!isWanted()) return;
    tell(state);
    if (state.state !== "running") return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
