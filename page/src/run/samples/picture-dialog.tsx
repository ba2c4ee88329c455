import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { session } from "../../session/session.ts";
import { countText } from "../../words/numbers.ts";
import type { OpenedSample } from "./opened-sample.ts";

interface PictureDialogProps {
  readonly opened: OpenedSample;
  readonly samples: readonly SampleSet[];
  readonly run: string | undefined;
  /** Shows the same prompt at an index of the samples. */
  readonly onShow: (index: number) => void;
  readonly onClose: () => void;
}

/** One sample at full size, the same prompt at the other steps below, and a link to draw it. */
export function PictureDialog(props: PictureDialogProps): JSX.Element {
  const { opened, samples, run, onShow, onClose } = props;
  const { picture, place, stage, step } = opened;
  const query = new URLSearchParams({ prompt: picture.prompt });
  if (picture.seed !== null) query.set("seed", String(picture.seed));
  if (run !== undefined) {
    query.set("run", run);
    query.set("stage", stage);
  }
  return (
    <Dialog title={picture.prompt} onClose={onClose}>
      <div class="picture-dialog">
        <img class="full" src={picture.url} alt={picture.prompt} />
        <div class="stack">
          <dl class="facts-list">
            <dt>Step</dt>
            <dd class="numeric">{countText(step)}</dd>
            <dt>Seed</dt>
            <dd class="numeric">{picture.seed ?? "shared with the other samples"}</dd>
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
                      aria-current={set.stage === stage && set.step === step}
                      onClick={() => onShow(at)}
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
