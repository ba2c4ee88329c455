import type { JSX } from "preact";
import type { RunDetails } from "../../../src/studio/api-types.ts";
import { ProgressBar } from "../parts/progress-bar.tsx";
import { leftText } from "../words/durations.ts";
import { countText, percentText, rateText } from "../words/numbers.ts";
import { agoText, momentText } from "../words/times.ts";

/** The run's progress, current activity and estimated end. */
export function RunProgress({ details }: { readonly details: RunDetails }): JSX.Element {
  const { stage, activity, secondsLeft, checkpoints, stages, all } = details;
  const saved = checkpoints
    .map((checkpoint) => checkpoint.saved)
    .sort()
    .at(-1);
  const number = all.findIndex((one) => one.stage === stage?.stage) + 1;
  return (
    <div class="run-progress">
      {stage !== null && (
        <>
          <ProgressBar done={stage.step} total={stage.steps} label="Steps done" />
          <p class="facts numeric">
            <span>
              <b>
                {stage.stage} {countText(stage.step)}
              </b>{" "}
              of {countText(stage.steps)} · {percentText(stage.step, stage.steps)}
              {stages > 1 && number > 0 && ` · stage ${number} of ${stages}`}
            </span>
            {secondsLeft !== null && (
              <span>
                {leftText(secondsLeft)} · ends{" "}
                {momentText(new Date(Date.now() + secondsLeft * 1000).toISOString())}
              </span>
            )}
            {stage.imagesPerSecond !== null && (
              <span>{rateText(stage.imagesPerSecond)} pictures/s</span>
            )}
            {saved !== undefined && <span>saved {agoText(saved)}</span>}
          </p>
        </>
      )}
      {activity !== null && (
        <div class="activity">
          <span class="numeric">
            <b>{activity.what}</b>
            {activity.done !== null &&
              ` ${countText(activity.done)}${activity.total === null ? "" : ` of ${countText(activity.total)}`}`}
          </span>
          <ProgressBar
            done={activity.done ?? 0}
            total={activity.done === null ? null : activity.total}
            label={activity.what}
          />
        </div>
      )}
      {stage === null && activity === null && <p class="soft">No measurements yet.</p>}
    </div>
  );
}
