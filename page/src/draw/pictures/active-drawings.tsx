import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../parts/icon.tsx";
import { ProgressBar } from "../../parts/progress-bar.tsx";
import { manyText } from "../../words/numbers.ts";
import type { Drawing, DrawingState } from "./drawing.ts";
import { drawings, putAway } from "./drawings.ts";

/** Current drawings, step by step. */
export const ActiveDrawings = (): JSX.Element => (
  <div class="stack" aria-live="polite">
    {drawings.value.map((drawing) => (
      <ActiveDrawing key={drawing.id} drawing={drawing} />
    ))}
  </div>
);

const standing = ({ before, step, steps }: DrawingState): string => {
  if (before === undefined) return `step ${step} of ${steps}`;
  return before === 0 ? "starting" : `${manyText(before, "picture")} ahead`;
};

function ActiveDrawing({ drawing }: { readonly drawing: Drawing }): JSX.Element {
  const { form, modelLabel, cancel, id } = drawing;
  const { value: state } = drawing.state;
  const element = useRef<HTMLElement>(null);
  // On a phone it would otherwise be below the form.
  useEffect(() => element.current?.scrollIntoView({ block: "nearest", behavior: "smooth" }), []);
  if (state.problem !== undefined)
    return (
      <div class="problem" role="alert">
        <span>
          <b>{form.prompt}</b>: {state.problem}
        </span>
        <button type="button" class="small" onClick={() => putAway(id)}>
          Dismiss
        </button>
      </div>
    );
  return (
    <section ref={element} class="card drawing" aria-label={`Drawing ${form.prompt}`}>
      <div class="row">
        <b class="clipped">{form.prompt}</b>
        <span class="soft small-text">{modelLabel}</span>
        <span class="push">
          <span class="numeric small-text">{standing(state)}</span>
          <button type="button" class="small" onClick={cancel}>
            <Icon name="close" />
            Cancel <kbd>Esc</kbd>
          </button>
        </span>
      </div>
      <ProgressBar
        done={state.step}
        total={state.before === undefined ? state.steps : null}
        label="Steps drawn"
      />
      <ul class="drawn-grid">
        {state.previews.map((preview, place) => (
          <li key={place} class="framed drawn">
            {preview !== undefined && <img src={preview} alt="A preview" />}
          </li>
        ))}
      </ul>
    </section>
  );
}
