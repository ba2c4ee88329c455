import type { JSX } from "preact";
import type { RunState } from "../../../src/studio/api-types.ts";

const TONES: Readonly<Record<RunState, string>> = {
  running: "running",
  elsewhere: "running",
  finished: "good",
  stopped: "still",
  failed: "bad",
  interrupted: "warn",
  unreadable: "bad",
};

const WORDS: Readonly<Partial<Record<RunState, string>>> = { elsewhere: "running elsewhere" };

/** The state of a run, in one word. */
export function StateChip({ state }: { readonly state: RunState }): JSX.Element {
  return (
    <span class={`chip state ${TONES[state]}`}>
      <span class={`dot ${TONES[state]}`} />
      {WORDS[state] ?? state}
    </span>
  );
}
