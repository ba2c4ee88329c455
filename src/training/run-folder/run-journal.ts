import type { NewEvent } from "./events.ts";
import type { RunFolder } from "./run-folder.ts";

/** Where in a run something happens. */
export interface RunPlace {
  readonly stage: string;
  /** Finished optimizer steps of the stage. */
  readonly step: number;
}

/** What a run tells: events for its folder, and lines for people. */
export class RunJournal {
  readonly run: RunFolder;
  readonly say: (line: string) => void;
  /** Where the run stands: what is noted next happens there. */
  place: RunPlace;

  constructor(run: RunFolder, say: (line: string) => void) {
    this.run = run;
    this.say = say;
    this.place = { stage: run.config.stages[0]?.name ?? "", step: 0 };
  }

  /** Adds an event to the run's log. */
  append(event: NewEvent): void {
    this.run.append(event);
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
