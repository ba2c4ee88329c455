import { unlessItFails } from "../../files/unless-it-fails.ts";
import type { NewEvent } from "./events.ts";
import type { RunFolder } from "./run-folder.ts";

/** A place in a run. */
export interface RunPlace {
  readonly stage: string;
  /** Finished optimizer steps of the stage. */
  readonly step: number;
}

/** Minimum interval between two events of one activity. */
const ACTIVITY_MS = 1000;

/** A run's output: events for its folder, and lines for the user. */
export class RunJournal {
  readonly run: RunFolder;
  readonly say: (line: string) => void;
  /** Where the run is; the next event is recorded there. */
  place: RunPlace;
  readonly #now: () => number;
  /** When each activity was last recorded. */
  readonly #toldAt = new Map<string, number>();

  /** @param now milliseconds on a monotonic clock */
  constructor(
    run: RunFolder,
    say: (line: string) => void,
    now: () => number = () => performance.now(),
  ) {
    this.run = run;
    this.say = say;
    this.#now = now;
    this.place = { stage: run.config.stages[0]?.name ?? "", step: 0 };
  }

  /** Adds an event to the run's log. */
  append(event: NewEvent): void {
    this.run.append(event);
  }

  /**
   * Records what the run does between steps, each activity at most once a second. A failure to record it does not end the run.
   * @param total undefined if unknown
   */
  doing(what: string, done = 0, total?: number): void {
    const now = this.#now();
    if (now - (this.#toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < ACTIVITY_MS) return;
    this.#toldAt.set(what, now);
    unlessItFails(() =>
      this.append({ type: "activity", ...this.place, what, done, total: total ?? null }),
    );
  }

  /** Shows the user a warning and records it. */
  warn(message: string): void {
    this.say(`Warning: ${message}`);
    this.append({ type: "warning", ...this.place, message });
  }

  /** Records how the run ended. */
  end(reason: "finished" | "stopped" | "failed", message: string | null): void {
    this.run.appendLast({ type: "run-end", ...this.place, reason, message });
  }
}
