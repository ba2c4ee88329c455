import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";
import { spreadOut } from "../../charts/spread-out.ts";
import { countText } from "../../words/numbers.ts";

interface SampleMatrixProps {
  readonly samples: readonly SampleSet[];
  readonly index: number;
  readonly onOpen: (set: SampleSet, place: number) => void;
  readonly onStep: (step: number) => void;
}

const MOST_COLUMNS = 9;

/** One row per prompt, one column per step, including the slider's step, which is marked. */
export function SampleMatrix({ samples, index, onOpen, onStep }: SampleMatrixProps): JSX.Element {
  const shown = [...new Set([...spreadOut(samples.length, MOST_COLUMNS), index])]
    .sort((a, b) => a - b)
    .flatMap((place) => {
      const set = samples[place];
      return set === undefined ? [] : [{ place, set }];
    });
  const prompts = samples[index]?.pictures.map(({ prompt }) => prompt) ?? [];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard
    <section class="matrix scroll-x" tabIndex={0} aria-label="Prompts by steps">
      <table>
        <thead>
          <tr>
            <td />
            {shown.map(({ place, set }) => (
              <th key={set.step} scope="col" aria-current={place === index ? "step" : undefined}>
                <button type="button" class="quiet small numeric" onClick={() => onStep(set.step)}>
                  {countText(set.step)}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {prompts.map((prompt, row) => (
            <tr key={`${row} ${prompt}`}>
              <th scope="row">{prompt}</th>
              {shown.map(({ place, set }) => {
                const picture = set.pictures[row];
                return (
                  <td key={set.step} class={place === index ? "chosen" : ""}>
                    {picture !== undefined && (
                      <button type="button" class="picture" onClick={() => onOpen(set, row)}>
                        <img
                          src={`${picture.url}?w=256`}
                          alt={`${prompt}, step ${set.step}`}
                          loading="lazy"
                        />
                      </button>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
