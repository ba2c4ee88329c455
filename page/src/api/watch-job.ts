import type { CheckState } from "../../../src/studio/api-types.ts";
import { getJson } from "./request.ts";

const EVERY_MS = 700;

/** Tells how far a job of the studio is until it is over, or nobody wants to know any more. */
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
