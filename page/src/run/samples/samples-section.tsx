import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";
import { Segmented } from "../../parts/segmented.tsx";
import { countText } from "../../words/numbers.ts";
import type { RunStore } from "../run-store.ts";
import { indexOfSample, type OpenedSample, sampleAt } from "./opened-sample.ts";
import { PictureDialog } from "./picture-dialog.tsx";
import { SampleFlip } from "./sample-flip.tsx";
import { SampleGrid } from "./sample-grid.tsx";
import { SampleMatrix } from "./sample-matrix.tsx";
import { StepSlider } from "./step-slider.tsx";
import { useSwipe } from "./use-swipe.ts";

type View = "grid" | "matrix" | "flip";

const VIEWS = [
  ["grid", "one step"],
  ["matrix", "matrix"],
  ["flip", "flip A/B"],
] as const;

/** The same prompts at every step. One slider changes all pictures. */
export function SamplesSection({ store }: { readonly store: RunStore }): JSX.Element {
  const view = useSignal<View>("grid");
  const opened = useSignal<OpenedSample | undefined>(undefined);
  const { value: samples } = store.samples;
  const { value: index } = store.sampleIndex;
  const show = (next: number): void => {
    store.showSample(next);
    const { value: now } = opened;
    if (now !== undefined) opened.value = sampleAt(samples[next], now.place) ?? now;
  };
  const turnBy = (by: number): void => {
    const { value: now } = opened;
    show((now === undefined ? index : (indexOfSample(samples, now) ?? index)) + by);
  };
  const swipe = useSwipe(turnBy);
  const set = samples[index];
  if (set === undefined) {
    return (
      <section class="card stack" aria-labelledby="samples-title">
        <h2 id="samples-title">Samples</h2>
        <p class="soft">
          {store.isLoadingSamples.value
            ? "Loading…"
            : "No samples yet. The first ones are drawn before step 1."}
        </p>
      </section>
    );
  }
  const open = (from: SampleSet, place: number): void => {
    store.chooseStep(from.step);
    opened.value = sampleAt(from, place);
  };
  const turn = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    turnBy(by);
  };
  const hasSingles = set.pictures.length > 0;
  return (
    <section class="samples card" aria-labelledby="samples-title" onKeyDown={turn}>
      <div class="section-head">
        <h2 id="samples-title">Samples</h2>
        <span class="numeric chip">step {countText(set.step)}</span>
        {hasSingles && samples.length > 1 && (
          <span class="push">
            <Segmented
              label="How samples are shown"
              options={VIEWS}
              value={view.value}
              onChange={(next) => {
                view.value = next;
              }}
            />
          </span>
        )}
      </div>
      <StepSlider samples={samples} index={index} onChange={(next) => store.showSample(next)} />
      <div class="samples-body" {...swipe}>
        {!hasSingles && <img class="sheet" src={set.sheet} alt={`Samples of step ${set.step}`} />}
        {hasSingles && view.value === "grid" && <SampleGrid set={set} onOpen={open} />}
        {hasSingles && view.value === "matrix" && (
          <SampleMatrix
            samples={samples}
            index={index}
            onOpen={open}
            onStep={(step) => store.chooseStep(step)}
          />
        )}
        {hasSingles && view.value === "flip" && (
          <SampleFlip samples={samples} index={index} onOpen={open} />
        )}
      </div>
      {opened.value !== undefined && (
        <PictureDialog
          opened={opened.value}
          samples={samples}
          run={store.details.value?.id}
          onShow={show}
          onClose={() => {
            opened.value = undefined;
          }}
        />
      )}
    </section>
  );
}
