import { readFileSync } from "node:fs";
import { GrowingFile } from "../../files/growing-file.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { formatEvent, type NewEvent, parseEvent, type RunEvent } from "./events.ts";
import { foldEvents } from "./fold-events.ts";

const newline = "\n".charCodeAt(0);

/** Appends to a run's `events.jsonl`: one event per line, whole or not at all. */
export class EventLog implements Disposable {
  readonly #file: GrowingFile;

  /** Opens or creates the file and repairs its last line, which a killed process may have left incomplete. */
  constructor(path: string) {
    this.#file = GrowingFile.open(path);
    const bytes = readFileSync(path);
    const tail = bytes.subarray(bytes.lastIndexOf(newline) + 1);
    const isWhole = parseEvent(tail.toString()) !== undefined;
    if (isWhole) this.#file.append(Buffer.from("\n"));
    else if (tail.length > 0) this.#file.cut(bytes.length - tail.length);
  }

  /** Adds an event with its time. On return the event has reached the disk, unless it is a step or an activity. */
  append(event: NewEvent): void {
    const { type, ...fields } = event;
    const timed = { type, time: new Date().toISOString(), ...fields } as RunEvent;
    this.#file.append(Buffer.from(`${formatEvent(timed)}\n`));
    if (type !== "step" && type !== "activity") this.#file.sync();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** Whether the work that follows a stage's last step was done. Reads line by line: a damaged line must not block resuming. */
export function hasStageEnded(path: string, stage: string, steps: number): boolean {
  return readFileSync(path, "utf8")
    .split("\n")
    .some((line) => {
      const event = line.includes('"stage-end"') ? parseEvent(line) : undefined;
      return event?.type === "stage-end" && event.stage === stage && event.step === steps;
    });
}

/**
 * The events of a run's `events.jsonl`, with each step once however often the run was resumed. A torn last line is skipped; any
 * other line that is no event throws.
 */
export function readEvents(path: string): RunEvent[] {
  const lines = readFileSync(path, "utf8").split("\n");
  const events = lines.map(parseEvent);
  const bad = events.findIndex((event, i) => event === undefined && i < lines.length - 1);
  if (bad >= 0) {
    throw new BadFileError(path, `line ${bad + 1}`, "an event", quote(lines[bad]));
  }
  return foldEvents(events.filter((event) => event !== undefined));
}
