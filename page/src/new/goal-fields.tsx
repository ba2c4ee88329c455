import type { JSX } from "preact";
import { durationText } from "../words/durations.ts";
import {
  base,
  chooseBase,
  goal,
  isAsking,
  makePlan,
  minutes,
  name,
  place,
  starts,
  word,
} from "./new-store.ts";

/** What the pictures should be like, what training starts from, how long it may take. */
export function GoalFields(): JSX.Element | null {
  const { value: told } = starts;
  if (told === undefined) return null;
  const submit = (event: Event): void => {
    event.preventDefault();
    void makePlan();
  };
  return (
    <form class="card stack" aria-labelledby="goal-title" onSubmit={submit}>
      <h2 id="goal-title">2. What you want</h2>
      <fieldset class="goals">
        <legend class="unseen">Goal</legend>
        {told.goals.map((one) => (
          <label key={one.goal}>
            <input
              type="radio"
              name="goal"
              checked={goal.value === one.goal}
              onChange={() => {
                goal.value = one.goal;
              }}
            />
            <span>
              <b>{one.title}</b>
              <span class="soft small-text">{one.text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="new-fields">
        <label class="field">
          <span>Start from</span>
          <select value={base.value} onChange={(event) => chooseBase(event.currentTarget.value)}>
            {told.bases.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}: {one.text}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>
            Time limit <output class="numeric">{durationText(minutes.value * 60)}</output>
          </span>
          <input
            type="range"
            min={10}
            max={720}
            step={10}
            value={minutes.value}
            onInput={(event) => {
              minutes.value = event.currentTarget.valueAsNumber;
            }}
          />
        </label>
        <label class="field">
          <span>Word for the style or subject, used in prompts</span>
          <input
            type="text"
            placeholder={place.value?.path.split("/").at(-1) ?? ""}
            value={word.value}
            onInput={(event) => {
              word.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="field">
          <span>Name of the run</span>
          <input
            type="text"
            required
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      <div class="row">
        <button type="submit" class="main" disabled={isAsking.value}>
          Show the plan
        </button>
        <span class="soft small-text">This starts nothing yet.</span>
      </div>
    </form>
  );
}
