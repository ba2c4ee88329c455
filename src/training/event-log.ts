import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { BadFileError, quote } from "../weights/errors.ts";
import { foldEvents, formatEvent, type NewEvent, parseEvent, type RunEvent } from "./events.ts";

const newline = "\n".charCodeAt(0);

/** Appends to a run's `events.jsonl`: one event a line, whole or not at all. */
export class EventLog implements Disposable {
  readonly #path: string;
  readonly #file: number;
  #size: number;

  /** Opens or begins the file and repairs its last line, which a killed process may have left unfinished. */
  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "a");
    this.#size = 0;
    const bytes = readFileSync(path);
    const tail = bytes.subarray(bytes.lastIndexOf(newline) + 1);
    const isWhole = parseEvent(tail.toString()) !== undefined;
    this.#size = bytes.length - (isWhole ? 0 : tail.length);
    ftruncateSync(this.#file, this.#size);
    if (isWhole) this.#write(Buffer.from("\n"));
  }

  /** Adds an event and its time; when it returns, all but steps have reached the disk. */
  append(event: NewEvent): void {
    const { type, ...fields } = event;
    const timed = { type, time: new Date().toISOString(), ...fields } as RunEvent;
    this.#write(Buffer.from(`${formatEvent(timed)}\n`));
    if (type !== "step") fsyncSync(this.#file);
  }

  #write(bytes: Buffer): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    } catch (error) {
      ftruncateSync(this.#file, this.#size); // a half line would spoil the next one
      const reason = (error as Error).message;
      throw new Error(`Could not append to ${this.#path}: ${reason}`, { cause: error });
    }
    this.#size += bytes.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
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
