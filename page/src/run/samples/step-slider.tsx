import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";
import { Icon } from "../../parts/icon.tsx";
import { countText } from "../../words/numbers.ts";

interface StepSliderProps {
  readonly samples: readonly SampleSet[];
  readonly index: number;
  readonly onChange: (index: number) => void;
}

/** Selects among the steps with samples. */
export function StepSlider({ samples, index, onChange }: StepSliderProps): JSX.Element | null {
  const last = samples.length - 1;
  if (last === 0) return null;
  const step = countText(samples[index]?.step ?? 0);
  return (
    <div class="step-slider">
      <button
        type="button"
        class="icon-button"
        aria-label="Earlier step"
        disabled={index === 0}
        onClick={() => onChange(index - 1)}
      >
        <Icon name="left" />
      </button>
      <input
        type="range"
        min="0"
        max={last}
        step="1"
        value={index}
        aria-label="Step of the samples"
        aria-valuetext={`step ${step}`}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <button
        type="button"
        class="icon-button"
        aria-label="Later step"
        disabled={index === last}
        onClick={() => onChange(index + 1)}
      >
        <Icon name="right" />
      </button>
      <output class="numeric">
        {step} <span class="soft">of {countText(samples[last]?.step ?? 0)}</span>
      </output>
    </div>
  );
}
