import { setImmediate as nextTurn } from "node:timers/promises";
import { DistributedError, knownClasses } from "../../errors/index.ts";

/** Yields to the event loop so that signals are received, then throws the signal's reason if it is aborted. */
export async function untilStopped(signal: AbortSignal | undefined): Promise<void> {
  await nextTurn();
  signal?.throwIfAborted();
}

/** Whether an error is just the requested stop and not a failure. */
export const isStop = (error: unknown, signal: AbortSignal | undefined): boolean =>
  error instanceof StoppedElsewhere || (signal?.aborted === true && error === signal.reason);

/** The stop was requested by a signal to another process of the run. */
export class StoppedElsewhere extends DistributedError {
  override readonly name: string = "StoppedElsewhere";

  constructor() {
    super("Another process of this run was asked to stop");
  }
}

knownClasses(StoppedElsewhere);
