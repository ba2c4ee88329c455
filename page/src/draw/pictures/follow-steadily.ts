import type { PixartClient } from "../../../../src/client/client.ts";
import { PixartError } from "../../../../src/client/pixart-error.ts";
import type { DrawEvent, DrawnPictures, JobAnswer } from "../../../../src/client/results.ts";
import { backOff } from "../../api/back-off.ts";
import { getJob, isRefusal } from "../../api/request.ts";

/** Codes of an answer while the job is still running: its stream ended early. */
const GOES_ON: ReadonlySet<string> = new Set(["queued", "running"]);
const LOOK_MS = 2000;

/** Jobs that this tab follows, oldest first. */
const followed: string[] = [];
/** Ends the pauses of those that have no stream. */
const pauses = new Set<() => void>();

/**
 * Yields the events of a job up to its pictures. Reconnects if the connection breaks; throws what the server refuses. Only the
 * oldest job of the tab has a stream, and its previews: a browser opens only six connections to a server, over all tabs.
 */
export async function* followSteadily(
  client: Pick<PixartClient, "follow">,
  job: string,
  stopped: AbortSignal,
): AsyncGenerator<DrawEvent, DrawnPictures, void> {
  followed.push(job);
  try {
    yield* untilTurn(job, stopped);
    return yield* stream(client, job, stopped);
  } finally {
    followed.splice(followed.indexOf(job), 1);
    for (const end of pauses) end();
  }
}

/** Asks how far a job is until it is the tab's oldest, over, refused or stopped. Its stream then tells which. */
async function* untilTurn(
  job: string,
  stopped: AbortSignal,
): AsyncGenerator<DrawEvent, void, void> {
  while (followed[0] !== job && !stopped.aborted) {
    try {
      const state = await getJob(job);
      if (!GOES_ON.has(state.status)) return;
      yield eventOf(state);
    } catch (error) {
      if (isRefusal(error)) return;
    }
    await pause(LOOK_MS, stopped);
  }
}

async function* stream(
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
      await pause(backOff(failures), stopped);
    }
  }
}

const eventOf = ({ position, step, total }: JobAnswer): DrawEvent =>
  step === null || total === null
    ? { type: "queued", position: position ?? 0 }
    : { type: "progress", step, total };

/** Waits, but not after a job has ended or this one was stopped. */
const pause = (ms: number, stopped: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (stopped.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      pauses.delete(end);
      stopped.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    pauses.add(end);
    stopped.addEventListener("abort", end);
  });
