import { unlessItFails } from "../../files/unless-it-fails.ts";
import type { NewEvent } from "./events.ts";
import type { RunFolder } from "./run-folder.ts";

/** Where in a run something happens. */
export interface RunPlace {
  readonly stage: string;
  /** Finished optimizer steps of the stage. */
  readonly step: number;
}

/** Between two events of one activity. */
const ACTIVITY_MS = 1000;

/** What a run tells: events for its folder, and lines for people. */
export class RunJournal {
  readonly run: RunFolder;
  readonly say: (line: string) => void;
  /** Where the run stands: what is noted next happens there. */
  place: RunPlace;
  readonly #now: () => number;
  /** When each activity was told of last. */
  readonly #toldAt = new Map<string, number>();

  /** @param now milliseconds on a clock that never goes back */
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
   * Notes what the run does between steps, each activity once a second at most. That it cannot be noted ends no run.
   * @param total undefined where nobody knows
   */
  doing(what: string, done = 0, total?: number): void {
    const now = this.#now();
    if (now - (this.#toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < ACTIVITY_MS) return;
    this.#toldAt.set(what, now);
    unlessItFails(() =>
      this.append({ type: "activity", ...this.place, what, done, total: total ?? null }),
    );
  }

  /** Tells people, and notes it. */
  warn(message: string): void {
    this.say(`Warning: ${message}`);
    this.append({ type: "warning", ...this.place, message });
  }

  /** Notes how the run ended. */
  end(reason: "finished" | "stopped" | "failed", message: string | null): void {
    this.run.appendLast({ type: "run-end", ...this.place, reason, message });
  }
}
