import { setImmediate as nextTurn } from "node:timers/promises";
import { DistributedError, knownClasses } from "../../errors/index.ts";

/** Gives the event loop a turn, so that signals are heard, and throws the reason of one that asked to stop. */
export async function untilStopped(signal: AbortSignal | undefined): Promise<void> {
  await nextTurn();
  signal?.throwIfAborted();
}

/** Whether an error is no failure, but the end that a signal asked for. */
export const isStop = (error: unknown, signal: AbortSignal | undefined): boolean =>
  error instanceof StoppedElsewhere || (signal?.aborted === true && error === signal.reason);

/** The end that a signal to another process of the run asked for. */
export class StoppedElsewhere extends DistributedError {
  override readonly name: string = "StoppedElsewhere";

  constructor() {
    super("Another process of this run was asked to stop");
  }
}

knownClasses(StoppedElsewhere);
