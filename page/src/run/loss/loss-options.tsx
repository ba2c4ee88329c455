import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Series } from "../../../../src/studio/api-types.ts";
import { type AxisUnit, unitsOf } from "../../charts/step-axis.ts";
import { Segmented } from "../../parts/segmented.tsx";
import { Toggle } from "../../parts/toggle.tsx";

interface LossOptionsProps {
  readonly series: Series;
  readonly unit: Signal<AxisUnit>;
  readonly isLog: Signal<boolean>;
  readonly isClipped: Signal<boolean>;
  readonly smoothing: Signal<number>;
  readonly isZoomed: boolean;
  readonly onUnzoom: () => void;
}

/** The slider has a thousand positions; smoothing grows fast near its end, where it matters. */
const MOST_SMOOTHING = 0.999;
const fromSlider = (place: number): number => Math.min(1 - (1 - place) ** 3, MOST_SMOOTHING);
const toSlider = (weight: number): number => 1 - (1 - weight) ** (1 / 3);

/** Display options of the curves. */
export function LossOptions(props: LossOptionsProps): JSX.Element {
  const { series, unit, isLog, isClipped, smoothing } = props;
  const units = unitsOf(series);
  return (
    <div class="loss-options">
      {props.isZoomed && (
        <button type="button" class="small" onClick={props.onUnzoom}>
          Show all
        </button>
      )}
      <label class="smoothing">
        <span>Smoothing</span>
        <input
          type="range"
          min="0"
          max="0.9"
          step="0.001"
          value={toSlider(smoothing.value)}
          aria-valuetext={smoothing.value.toFixed(3)}
          onInput={(event) => {
            smoothing.value = fromSlider(event.currentTarget.valueAsNumber);
          }}
        />
        <output class="numeric">{smoothing.value.toFixed(3)}</output>
      </label>
      <Toggle
        text="log y"
        isOn={isLog.value}
        onChange={(isOn) => {
          isLog.value = isOn;
        }}
      />
      <Toggle
        text="clip outliers"
        isOn={isClipped.value}
        onChange={(isOn) => {
          isClipped.value = isOn;
        }}
      />
      {units.length > 1 && (
        <Segmented
          label="X-axis"
          options={units.map((one) => [one, one] as const)}
          value={unit.value}
          onChange={(next) => {
            unit.value = next;
          }}
        />
      )}
    </div>
  );
}
