import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Waits until somebody listens at a port. libtorch would wait too, but without reacting to signals, and with pages of C++ frames
 * on stderr on a timeout. Returns why the last attempt failed; undefined if one succeeded.
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
