import { type ErrorCode, knownClasses } from "../../errors/index.ts";

/** Bad steps in a row after which the run gives up. */
const MAX_SKIPPED = 5;
/** Number of rollbacks to the same checkpoint after which the run gives up. */
const MAX_ROLLBACKS = 10;

/** Training diverged: losses or gradients were not finite, or the loss spiked again and again. */
export class DivergedError extends Error {
  override readonly name: string = "DivergedError";
  readonly code = "ERR_DIVERGED" satisfies ErrorCode;
}

knownClasses(DivergedError);

/** Throws if too many steps in a row changed nothing. */
export function requireSteps(skippedInARow: number): void {
  if (skippedInARow < MAX_SKIPPED) return;
  throw new DivergedError(
    `${MAX_SKIPPED} steps in a row had no finite loss or gradient. The newest checkpoint is from before them. Lower the learning rate, or look at the pictures that the warnings name.`,
  );
}

/** Throws if the run has rolled back to the checkpoint of a step too often. */
export function requireProgress(rollbacks: number, step: number, stage: string): void {
  if (rollbacks < MAX_ROLLBACKS) return;
  throw new DivergedError(
    `The loss spiked ${MAX_ROLLBACKS} times after the checkpoint of step ${step}, each time on different pictures. Lower the learning rate, look at the pictures that the events of type "rollback" name, or train on without this guard: "spikes": null in stage "${stage}".`,
  );
}
