import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog } from "../../parts/dialog.tsx";
import { durationText } from "../../words/durations.ts";
import { drawings, shownGroup } from "./drawings.ts";
import { addressOf, type DrawnPicture, historyProblem, pictures } from "./history.ts";
import { PictureActions } from "./picture-actions.tsx";

/** The pictures that were requested together, large: the newest, or those selected in the history. */
export function ShownPictures(): JSX.Element | null {
  const opened = useSignal<DrawnPicture | undefined>(undefined);
  const shown = pictures.value.filter(({ group }) => group === shownGroup.value);
  const [first] = shown;
  if (first === undefined) return drawings.value.length > 0 ? null : <NothingDrawn />;
  return (
    <section class="shown" aria-label="Pictures">
      <div class="row">
        <h2 class="clipped">{first.form.prompt}</h2>
        <span class="soft small-text">
          {first.modelLabel} · {durationText(first.seconds)}
        </span>
      </div>
      {historyProblem.value !== undefined && <p class="note">{historyProblem.value}</p>}
      <ul class={`drawn-grid ${shown.length === 1 ? "single" : ""}`}>
        {shown.map((picture) => (
          <li key={picture.id}>
            <button
              type="button"
              class="picture drawn"
              onClick={() => {
                opened.value = picture;
              }}
            >
              <img src={addressOf(picture.blob)} alt={picture.form.prompt} />
            </button>
            <PictureActions picture={picture} />
          </li>
        ))}
      </ul>
      {opened.value !== undefined && (
        <Dialog
          title={opened.value.form.prompt}
          onClose={() => {
            opened.value = undefined;
          }}
        >
          <img
            class="full-picture"
            src={addressOf(opened.value.blob)}
            alt={opened.value.form.prompt}
          />
        </Dialog>
      )}
    </section>
  );
}

const NothingDrawn = (): JSX.Element => (
  <div class="nothing-drawn">
    <p>
      <b>Type what you would like to see, then Ctrl + Enter.</b>
    </p>
    <p class="soft">
      You see it appear step by step. Each picture keeps its seed, so it can be drawn again with one
      word changed. To restore the settings of a PNG that was drawn here, drop it on the page.
    </p>
  </div>
);
