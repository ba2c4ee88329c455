import type { JSX } from "preact";
import type { RunLine } from "../../../src/studio/api-types.ts";
import { ProgressBar } from "../parts/progress-bar.tsx";
import { StateChip } from "../parts/state-chip.tsx";
import { leftText } from "../words/durations.ts";
import { countText, lossText, percentText, rateText } from "../words/numbers.ts";
import { momentText } from "../words/times.ts";
import { goesOn } from "./runs-store.ts";

interface RunRowProps {
  readonly run: RunLine;
  readonly isTicked: boolean;
  readonly onTick: (isTicked: boolean) => void;
}

/** One run in the list: what it draws, its progress, whether it learns. */
export function RunRow({ run, isTicked, onTick }: RunRowProps): JSX.Element {
  return (
    <li class={`run-row card ${goesOn(run) ? "pinned" : ""}`}>
      <label class="tick" title="Compare">
        <input
          type="checkbox"
          checked={isTicked}
          aria-label={`Compare ${run.name}`}
          onChange={(event) => onTick(event.currentTarget.checked)}
        />
      </label>
      <a class="run-link" href={`/runs/${encodeURIComponent(run.id)}`}>
        <span class="thumb">
          {run.sheet !== null && <img src={`${run.sheet}?w=256`} alt="" loading="lazy" />}
        </span>
        <span class="run-text">
          <span class="run-title">
            <strong>{run.name}</strong>
            <StateChip state={run.state} />
          </span>
          <Standing run={run} />
        </span>
        <Numbers run={run} />
      </a>
    </li>
  );
}

/** Its progress, or how and when it ended. */
function Standing({ run }: { readonly run: RunLine }): JSX.Element {
  const { stage, activity, message, ended } = run;
  if (!goesOn(run)) {
    const end = ended === null ? undefined : momentText(ended);
    const at = stage === null ? undefined : `${stage.stage} ${countText(stage.step)}`;
    return (
      <span class="soft clipped">
        {[end, at, message].filter((part) => part != null).join(" · ")}
      </span>
    );
  }
  if (activity !== null) {
    const { what, done, total } = activity;
    const count =
      done === null ? "" : ` ${countText(done)}${total === null ? "" : ` of ${countText(total)}`}`;
    return (
      <span class="standing">
        <span>
          {what}
          {count}
        </span>
        <ProgressBar done={done ?? 0} total={done === null ? null : total} label={what} />
      </span>
    );
  }
  if (stage === null) return <span class="soft">starting</span>;
  return (
    <span class="standing">
      <span>
        {stage.stage} {countText(stage.step)} of {countText(stage.steps)}
      </span>
      <ProgressBar done={stage.step} total={stage.steps} label={`${run.name}: steps done`} />
      <span>{percentText(stage.step, stage.steps)}</span>
      {run.secondsLeft !== null && <span class="soft">{leftText(run.secondsLeft)}</span>}
    </span>
  );
}

/** Held-out loss, which shows whether it learns, and speed. */
function Numbers({ run }: { readonly run: RunLine }): JSX.Element | null {
  const { stage } = run;
  if (stage === null) return null;
  const { heldout, lowestHeldout, imagesPerSecond } = stage;
  const isLowest = heldout !== null && heldout.loss === lowestHeldout?.loss;
  return (
    <span class="run-numbers">
      {heldout !== null && (
        <span>
          <span class="soft">held-out loss </span>
          <b>{lossText(heldout.loss)}</b>
        </span>
      )}
      {lowestHeldout !== null && (
        <span class="soft">
          {isLowest
            ? "★ its lowest"
            : `lowest ${lossText(lowestHeldout.loss)} at ${countText(lowestHeldout.step)}`}
        </span>
      )}
      {goesOn(run) && imagesPerSecond !== null && (
        <span class="soft">{rateText(imagesPerSecond)} pictures/s</span>
      )}
    </span>
  );
}
