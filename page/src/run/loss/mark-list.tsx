import type { JSX } from "preact";
import type { Mark } from "../../../../src/studio/api-types.ts";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { countText } from "../../words/numbers.ts";

const ICONS: Readonly<Record<Mark["kind"], IconName>> = {
  best: "star",
  warning: "flag",
  rollback: "back",
  resume: "play",
  checkpoint: "save",
};

/** More would be too many; the newest are the most informative. */
const MOST = 12;

/** Marks worth a vertical line: checkpoints are in their own list. */
export const marksShown = (marks: readonly Mark[], stage: string): Mark[] =>
  marks.filter((mark) => mark.stage === stage && mark.kind !== "checkpoint").slice(-MOST);

/** What happened at which step; each shows the samples of its step. */
export function MarkList({
  marks,
  onChoose,
}: {
  readonly marks: readonly Mark[];
  readonly onChoose: (step: number) => void;
}): JSX.Element | null {
  if (marks.length === 0) return null;
  return (
    <ul class="marks" aria-label="What happened">
      {marks.map((mark) => (
        <li key={`${mark.kind} ${mark.step} ${mark.time}`}>
          <button
            type="button"
            class={`quiet small mark ${mark.kind}`}
            title={mark.text}
            onClick={() => onChoose(mark.step)}
          >
            <Icon name={ICONS[mark.kind]} />
            <span class="numeric">{countText(mark.step)}</span>
            <span class="mark-text">{mark.text}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
