import { readFileSync } from "node:fs";
import { GrowingFile } from "../../files/growing-file.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { formatEvent, type NewEvent, parseEvent, type RunEvent } from "./events.ts";
import { foldEvents } from "./fold-events.ts";

const newline = "\n".charCodeAt(0);

/** Appends to a run's `events.jsonl`: one event a line, whole or not at all. */
export class EventLog implements Disposable {
  readonly #file: GrowingFile;

  /** Opens or begins the file and repairs its last line, which a killed process may have left unfinished. */
  constructor(path: string) {
    this.#file = GrowingFile.open(path);
    const bytes = readFileSync(path);
    const tail = bytes.subarray(bytes.lastIndexOf(newline) + 1);
    const isWhole = parseEvent(tail.toString()) !== undefined;
    if (isWhole) this.#file.append(Buffer.from("\n"));
    else if (tail.length > 0) this.#file.cut(bytes.length - tail.length);
  }

  /** Adds an event and its time; when it returns, all but steps and activities have reached the disk. */
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

/** Whether all that follows a stage's last step was done. Line by line: one that is damaged is no reason not to go on. */
export function hasStageEnded(path: string, stage: string, steps: number): boolean {
  return readFileSync(path, "utf8")
    .split("\n")
    .some((line) => {
      const event = line.includes('"stage-end"') ? parseEvent(line) : undefined;
      return event?.type === "stage-end" && event.stage === stage && event.step === steps;
    });
}

/**
 * The events in a run's `events.jsonl`, each step once however often the run was resumed. A torn last line is passed
 * over; any other line that is no event throws.
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
