import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { RunDetails } from "../../../src/studio/api-types.ts";
import { Icon } from "../parts/icon.tsx";
import { goesOn } from "../runs/runs-store.ts";
import { session } from "../session/session.ts";
import { ReallyStop } from "./really-stop.tsx";
import type { RunStore } from "./run-store.ts";

interface RunControlsProps {
  readonly store: RunStore;
  readonly details: RunDetails;
}

/** Controls of the run. Each button says what will happen; buttons without effect are hidden. */
export function RunControls({ store, details }: RunControlsProps): JSX.Element {
  const asks = useSignal(false);
  const { all, state } = details;
  const isOurs = details.canControl && session.value?.canControl === true;
  const { value: stage } = store.stage;
  return (
    <>
      <span class="soft small-text" role="status">
        {store.notice.value}
      </span>
      {all.length > 1 && (
        <label class="stage-choice">
          <span class="unseen">Stage</span>
          <select value={stage} onChange={(event) => store.chooseStage(event.currentTarget.value)}>
            {all.map((one) => (
              <option key={one.stage} value={one.stage}>
                {one.stage}
              </option>
            ))}
          </select>
        </label>
      )}
      {isOurs && goesOn(details) && (
        <>
          <button type="button" onClick={() => void store.control("sample")}>
            Sample now
          </button>
          <button type="button" onClick={() => void store.control("save")}>
            Save now
          </button>
          <button
            type="button"
            onClick={() => {
              asks.value = true;
            }}
          >
            <Icon name="stop" />
            Stop after saving
          </button>
        </>
      )}
      {isOurs && (state === "interrupted" || state === "stopped") && (
        <button type="button" class="main" onClick={() => void store.resume()}>
          <Icon name="play" />
          Resume
        </button>
      )}
      {asks.value && (
        <ReallyStop
          onClose={() => {
            asks.value = false;
          }}
          onStop={() => void store.control("stop")}
        />
      )}
    </>
  );
}
