import { readdirSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../../files/make-below.ts";
import { readWholeSync } from "../../files/reading/whole-file.ts";
import { removeFileSync } from "../../files/remove.ts";
import { replaceFileSync } from "../../files/replace-file.ts";
import { unlessItFails } from "../../files/unless-it-fails.ts";

/** Requests that a run accepts as a file in its folder: save and stop, save now, draw samples now. */
export const CONTROLS = ["stop", "save", "sample"] as const;

/** One of {@link CONTROLS}. */
export type Control = (typeof CONTROLS)[number];

/** Inside a run folder. */
export const CONTROL_FOLDER = "control";
/** Polling interval. */
const LOOK_MS = 1000;
const LARGEST = 4096;

const isControl = (value: unknown): value is Control => CONTROLS.some((known) => known === value);

/**
 * Sends a request to a run, wherever its process is: the run looks once a second, between two steps. Throws FileWriteError if the
 * folder is gone or not writable. The caller has to know that a process writes the run.
 */
export function requestControl(run: string, what: Control): void {
  makeBelow(run, CONTROL_FOLDER);
  replaceFileSync(join(run, CONTROL_FOLDER, what), `${JSON.stringify({ do: what })}\n`);
}

/**
 * Whether a file in the control folder is a request, or was meant as one. Hidden names are requests still being written; other
 * files stay where they are.
 */
export const isControlFile = (name: string): boolean =>
  isControl(name) || (name.endsWith(".json") && !name.startsWith("."));

/** The requests to a run, read by the process that writes it. */
export class ControlFolder {
  readonly #path: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds on a monotonic clock */
  constructor(run: string, now: () => number = () => performance.now()) {
    this.#path = join(run, CONTROL_FOLDER);
    this.#now = now;
  }

  /** Takes the requests since the last look, at most once a second. Requests that cannot be removed or read are ignored. */
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
