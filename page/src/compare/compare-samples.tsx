import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { SampleSet } from "../../../src/studio/api-types.ts";
import { Segmented } from "../parts/segmented.tsx";
import { StepSlider } from "../run/samples/step-slider.tsx";
import { countText } from "../words/numbers.ts";
import type { Side } from "./compare-store.ts";
import { pairSamples } from "./pair-samples.ts";

interface CompareSamplesProps {
  readonly names: readonly [string, string];
  readonly sides: readonly [Side, Side];
}

type View = "beside" | "a" | "b";

/** Sample sheets of the same step, side by side or in the same place. */
export function CompareSamples({ names, sides }: CompareSamplesProps): JSX.Element | null {
  const pairs = pairSamples(sides[0].samples, sides[1].samples);
  const index = useSignal(pairs.length - 1);
  const view = useSignal<View>("beside");
  const pair = pairs[Math.min(index.value, pairs.length - 1)];
  if (pair === undefined) return null;
  const steps = pairs.map(({ a, b }) => (a.step >= b.step ? a : b));
  const isShown = (side: View): boolean => view.value === "beside" || view.value === side;
  return (
    <section class="card" aria-labelledby="samples-title">
      <div class="section-head">
        <h2 id="samples-title">Samples</h2>
        <span class="push">
          <Segmented<View>
            label="How samples are compared"
            options={[
              ["beside", "side by side"],
              ["a", `only ${names[0]}`],
              ["b", `only ${names[1]}`],
            ]}
            value={view.value}
            onChange={(next) => {
              view.value = next;
            }}
          />
        </span>
      </div>
      <StepSlider
        samples={steps}
        index={index.value}
        onChange={(next) => {
          index.value = next;
        }}
      />
      <div class={`compare-samples ${view.value}`}>
        {isShown("a") && <SideSamples name={names[0]} set={pair.a} side="a" />}
        {isShown("b") && <SideSamples name={names[1]} set={pair.b} side="b" />}
      </div>
    </section>
  );
}

interface SideSamplesProps {
  readonly name: string;
  readonly set: SampleSet;
  readonly side: "a" | "b";
}

function SideSamples({ name, set, side }: SideSamplesProps): JSX.Element {
  return (
    <div>
      <h3 class={`side-${side}`}>
        {name} <span class="soft numeric">step {countText(set.step)}</span>
      </h3>
      {set.pictures.length === 0 ? (
        <img class="sheet" src={set.sheet} alt={`Samples of ${name}`} />
      ) : (
        <ul class="compare-pictures">
          {set.pictures.map(({ url, prompt }, place) => (
            <li key={`${place} ${prompt}`} class="framed">
              <img src={`${url}?w=256`} alt={`${name}: ${prompt}`} title={prompt} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
