import { GrowingFile } from "../../files/growing-file.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { readLinesSync, unfinishedLineOf } from "../../files/reading/lines.ts";
import { formatEvent, type NewEvent, parseEvent, type RunEvent } from "./events.ts";
import { foldEvents } from "./fold-events.ts";

/** Appends to a run's `events.jsonl`: one event per line, whole or not at all. */
export class EventLog implements Disposable {
  readonly #file: GrowingFile;

  /** Opens or creates the file and repairs its last line, which a killed process may have left incomplete. */
  constructor(path: string) {
    this.#file = GrowingFile.open(path);
    const unfinished = unfinishedLineOf(path);
    if (unfinished === undefined) return;
    const { start, bytes } = unfinished;
    if (parseEvent(bytes.toString()) === undefined) this.#file.cut(start);
    else this.#file.append(Buffer.from("\n"));
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
  for (const { bytes } of readLinesSync(path)) {
    const event = bytes.includes('"stage-end"') ? parseEvent(bytes.toString()) : undefined;
    if (event?.type === "stage-end" && event.stage === stage && event.step === steps) return true;
  }
  return false;
}

/**
 * The events of a run's `events.jsonl`, with each step once however often the run was resumed. A torn last line is skipped; any
 * other line that is no event throws. The file may be of any size, but its events are all in memory.
 */
export const readEvents = (path: string): RunEvent[] => foldEvents(eventsIn(path));

function* eventsIn(path: string): Generator<RunEvent> {
  for (const { number, bytes, isWhole } of readLinesSync(path)) {
    const line = bytes.toString();
    const event = parseEvent(line);
    if (event !== undefined) yield event;
    else if (isWhole) throw new BadFileError(path, `line ${number}`, "an event", quote(line));
  }
}
