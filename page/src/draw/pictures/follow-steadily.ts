import type { PixartClient } from "../../../../src/client/client.ts";
import { PixartError } from "../../../../src/client/pixart-error.ts";
import type { DrawEvent, DrawnPictures } from "../../../../src/client/results.ts";
import { backOff } from "../../api/back-off.ts";

/** Codes of an answer while the job is still running: its stream ended early. */
const GOES_ON: ReadonlySet<string> = new Set(["queued", "running"]);

/** Yields the events of a job up to its pictures. Reconnects if the connection breaks; throws what the server refuses. */
export async function* followSteadily(
  client: Pick<PixartClient, "follow">,
  job: string,
  stopped: AbortSignal,
): AsyncGenerator<DrawEvent, DrawnPictures, void> {
  for (let failures = 0; ; failures++) {
    try {
      return yield* client.follow(job, { signal: stopped });
    } catch (error) {
      const isOver = error instanceof PixartError && !GOES_ON.has(error.code);
      if (isOver || stopped.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, backOff(failures)));
    }
  }
}
