import type { JSX } from "preact";
import type { SampleSet } from "../../../../src/studio/api-types.ts";

interface SampleGridProps {
  readonly set: SampleSet;
  readonly onOpen: (set: SampleSet, place: number) => void;
}

/** All prompts at one step, large. */
export function SampleGrid({ set, onOpen }: SampleGridProps): JSX.Element {
  return (
    <ul class="picture-grid">
      {set.pictures.map((picture, place) => (
        <li key={`${place} ${picture.prompt}`}>
          <button type="button" class="picture" onClick={() => onOpen(set, place)}>
            <img src={`${picture.url}?w=384`} alt={picture.prompt} />
          </button>
          <p class="small-text">{picture.prompt}</p>
        </li>
      ))}
    </ul>
  );
}
