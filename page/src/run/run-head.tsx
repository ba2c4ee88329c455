import type { JSX } from "preact";
import type { RunDetails } from "../../../src/studio/api-types.ts";
import { Command } from "../parts/command.tsx";
import { Icon } from "../parts/icon.tsx";
import { StateChip } from "../parts/state-chip.tsx";
import { goesOn } from "../runs/runs-store.ts";
import { momentText } from "../words/times.ts";
import { RunControls } from "./run-controls.tsx";
import { RunProgress } from "./run-progress.tsx";
import type { RunStore } from "./run-store.ts";

interface RunHeadProps {
  readonly store: RunStore;
  readonly details: RunDetails;
}

/** Name, state, progress and controls of the run, and one sentence on whether it learns. */
export function RunHead({ store, details }: RunHeadProps): JSX.Element {
  const { name, state, begun, message } = details;
  return (
    <section class="run-head" aria-label="State">
      <div class="page-head">
        <h1>{name}</h1>
        <StateChip state={state} />
        {begun !== null && <span class="soft small-text">started {momentText(begun)}</span>}
        <span class="push">
          <RunControls store={store} details={details} />
          {begun !== null && (
            <a class="button" href={`/api/runs/${encodeURIComponent(details.id)}/report`} download>
              <Icon name="save" />
              Report
            </a>
          )}
        </span>
      </div>
      {goesOn(details) && <RunProgress details={details} />}
      {!goesOn(details) && message !== null && <p class="note">{message}</p>}
      {state === "elsewhere" && (
        <p class="note">
          This run is being written by {message}. Requests reach it through the run folder, between
          two steps.
        </p>
      )}
      {(state === "interrupted" || state === "stopped" || state === "failed") &&
        details.resumeCommand !== null && <Command text={details.resumeCommand} />}
      <p class="verdict" aria-live="polite">
        {details.verdict}
      </p>
    </section>
  );
}
