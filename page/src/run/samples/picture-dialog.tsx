import type { JSX } from "preact";
import type { SamplePicture } from "../../../../src/studio/api-types.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { session } from "../../session/session.ts";
import { countText } from "../../words/numbers.ts";
import type { RunStore } from "../run-store.ts";

interface PictureDialogProps {
  readonly picture: SamplePicture;
  readonly step: number;
  readonly store: RunStore;
  readonly onClose: () => void;
}

/** One sample at full size, the same prompt at the other steps below, and a link to draw it. */
export function PictureDialog({ picture, step, store, onClose }: PictureDialogProps): JSX.Element {
  const { value: samples } = store.samples;
  const place = samples.find((set) => set.step === step)?.pictures.indexOf(picture) ?? -1;
  const { value: index } = store.sampleIndex;
  const now = samples[index];
  const shown = now?.pictures[place] ?? picture;
  const query = new URLSearchParams({ prompt: shown.prompt });
  if (shown.seed !== null) query.set("seed", String(shown.seed));
  const run = store.details.value?.id;
  if (run !== undefined) query.set("run", run);
  return (
    <Dialog title={shown.prompt} onClose={onClose}>
      <div class="picture-dialog">
        <img class="full" src={shown.url} alt={shown.prompt} />
        <div class="stack">
          <dl class="facts-list">
            <dt>Step</dt>
            <dd class="numeric">{countText(now?.step ?? step)}</dd>
            <dt>Seed</dt>
            <dd class="numeric">{shown.seed ?? "shared with the other samples"}</dd>
          </dl>
          {session.value?.canDrawRuns === true && (
            <a class="button main" href={`/draw?${query}`}>
              Draw this
            </a>
          )}
          <ul class="thumbs" aria-label="The same prompt at other steps">
            {samples.map((set, at) => {
              const other = set.pictures[place];
              return (
                other !== undefined && (
                  <li key={set.step}>
                    <button
                      type="button"
                      class="picture"
                      aria-current={at === index}
                      onClick={() => store.showSample(at)}
                    >
                      <img
                        src={`${other.url}?w=128`}
                        alt={`Step ${countText(set.step)}`}
                        loading="lazy"
                      />
                    </button>
                  </li>
                )
              );
            })}
          </ul>
        </div>
      </div>
    </Dialog>
  );
}
