import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";
import { Segmented } from "../../parts/segmented.tsx";
import { countText } from "../../words/numbers.ts";
import { SampleGrid } from "./sample-grid.tsx";

interface SampleFlipProps {
  readonly samples: readonly SampleSet[];
  readonly index: number;
  readonly onOpen: (set: SampleSet, place: number) => void;
}

/** Two steps in the same place, to show what changed. A is fixed, B follows the slider. */
export function SampleFlip({ samples, index, onOpen }: SampleFlipProps): JSX.Element {
  const kept = useSignal(Math.max(index - 1, 0));
  const side = useSignal<"a" | "b">("b");
  const a = samples[kept.value];
  const b = samples[index];
  const shown = side.value === "a" ? a : b;
  const flip = (event: KeyboardEvent): void => {
    if (event.key !== "f") return;
    side.value = side.value === "a" ? "b" : "a";
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: F flips wherever the focus is inside
    <div class="stack" onKeyDown={flip}>
      <div class="row">
        <Segmented
          label="Which of the two steps"
          options={[
            ["a", `A · ${countText(a?.step ?? 0)}`],
            ["b", `B · ${countText(b?.step ?? 0)}`],
          ]}
          value={side.value}
          onChange={(next) => {
            side.value = next;
          }}
        />
        <button
          type="button"
          class="small"
          onClick={() => {
            kept.value = index;
          }}
        >
          Keep step {countText(b?.step ?? 0)} as A
        </button>
        <span class="soft small-text">
          <kbd>F</kbd> flips
        </span>
      </div>
      {shown !== undefined && <SampleGrid set={shown} onOpen={onOpen} />}
    </div>
  );
}
