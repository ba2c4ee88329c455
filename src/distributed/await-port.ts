import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Waits until somebody listens at a port, which libtorch would wait for too: but without hearing signals, and with pages of C++
 * frames on stderr where nobody comes. Gives back why the last attempt failed; undefined where one did not.
 */
export async function awaitPort(
  host: string,
  port: number,
  timeoutMs: number,
): Promise<string | undefined> {
  const end = performance.now() + timeoutMs;
  for (let pause = PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 1.5 * pause)) {
    const left = end - performance.now();
    const failure = await attempt(host, port, Math.max(1, left));
    if (failure === undefined || performance.now() + pause >= end) return failure;
    await sleep(pause);
  }
}

function attempt(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    const end = (failure?: string): void => {
      socket.destroy();
      done(failure);
    };
    socket.setTimeout(timeoutMs, () => end("no answer"));
    socket.once("connect", () => end());
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
