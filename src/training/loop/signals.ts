import { INTERRUPTED, PREEMPTED } from "../../distributed/exit-codes.ts";
import { heedNohup, type StopSignal } from "../../distributed/stop-signals.ts";

/** What asked a run to stop: a signal, or the file of this name in the run folder. */
export type StopReason = StopSignal | "control/stop";

export type { StopSignal } from "../../distributed/stop-signals.ts";

/**
 * Listens for requests to stop and only records them. The training loop checks `requested` after each step, saves, and exits with
 * `exitCode`; long work between steps is ended by `signal`. A second Ctrl+C exits at once with 130, without saving.
 */
export class StopRequest implements Disposable {
  readonly #say: (sentence: string) => void;
  #requested: StopReason | undefined;
  #interrupts = 0;
  readonly #abort = new AbortController();
  readonly #signals = heedNohup();

  /** Starts listening, also for SIGUSR1, which would otherwise open Node's inspector. */
  constructor(
    say: (sentence: string) => void = (sentence) => process.stderr.write(`${sentence}\n`),
  ) {
    this.#say = say;
    for (const signal of this.#signals) process.on(signal, this.#note);
  }

  /** The first request. */
  get requested(): StopReason | undefined {
    return this.#requested;
  }

  /** Aborted on the first request to stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** 130 after Ctrl+C, 75 ("try again") for a run that was pre-empted, undefined if there was no request. */
  get exitCode(): number | undefined {
    if (this.#requested === undefined) return undefined;
    return this.#requested === "SIGINT" ? INTERRUPTED : PREEMPTED;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const signal of this.#signals) process.off(signal, this.#note);
  }

  readonly #note = (signal: StopSignal): void => {
    if (signal === "SIGINT" && ++this.#interrupts === 2) {
      this.#say("Stopped at once without saving. The newest checkpoint is an earlier one.");
      process.exit(INTERRUPTED);
    }
    this.ask(signal);
  };

  /** Records a request to stop, unless there already is one. */
  ask(reason: StopReason): void {
    if (this.#requested !== undefined) return;
    this.#requested = reason;
    this.#abort.abort();
    this.#say(
      reason === "SIGINT"
        ? "Saving, then stopping. Press Ctrl+C again to stop at once without saving."
        : `${reason}: saving, then stopping.`,
    );
  }
}
