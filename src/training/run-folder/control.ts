import { readdirSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../../files/make-below.ts";
import { readWholeSync } from "../../files/reading/whole-file.ts";
import { removeFileSync } from "../../files/remove.ts";
import { replaceFileSync } from "../../files/replace-file.ts";
import { unlessItFails } from "../../files/unless-it-fails.ts";

/** What a run can be asked for by a file in its folder: to save and stop, to save now, to draw samples now. */
export const CONTROLS = ["stop", "save", "sample"] as const;

/** One of {@link CONTROLS}. */
export type Control = (typeof CONTROLS)[number];

/** In a run folder. */
export const CONTROL_FOLDER = "control";
/** Between two looks. */
const LOOK_MS = 1000;
const LARGEST = 4096;

const isControl = (value: unknown): value is Control => CONTROLS.some((known) => known === value);

/**
 * Asks a run for something, wherever its process is: it looks once a second, between two steps. Throws FileWriteError where the
 * folder is gone or can't be written. That a process writes the run is the caller's to know.
 */
export function requestControl(run: string, what: Control): void {
  makeBelow(run, CONTROL_FOLDER);
  replaceFileSync(join(run, CONTROL_FOLDER, what), `${JSON.stringify({ do: what })}\n`);
}

/**
 * Whether a file in the control folder is a request, or was meant as one. What has a hidden name is being written; what others put
 * beside requests stays.
 */
export const isControlFile = (name: string): boolean =>
  isControl(name) || (name.endsWith(".json") && !name.startsWith("."));

/** What a run is asked for, looked for by the process that writes it. */
export class ControlFolder {
  readonly #path: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds on a clock that never goes back */
  constructor(run: string, now: () => number = () => performance.now()) {
    this.#path = join(run, CONTROL_FOLDER);
    this.#now = now;
  }

  /** Takes what was asked for since the last look, once a second at most. A request that can't be removed or read is none. */
  take(): ReadonlySet<Control> {
    const now = this.#now();
    if (now - this.#lookedAt < LOOK_MS) return new Set();
    this.#lookedAt = now;
    const names = unlessItFails(() => readdirSync(this.#path)) ?? [];
    return new Set(names.flatMap((name) => unlessItFails(() => this.#takeFile(name)) ?? []));
  }

  #takeFile(name: string): Control[] {
    if (!isControlFile(name)) return [];
    const path = join(this.#path, name);
    const what: unknown = isControl(name) ? name : wishIn(path);
    if (!isControl(what)) return [];
    removeFileSync(path);
    return [what];
  }
}

function wishIn(path: string): unknown {
  const text = readWholeSync(path, { expected: "a request", atMost: LARGEST }).toString();
  return (JSON.parse(text) as { readonly do?: unknown } | null)?.do;
}
