import type { JSX } from "preact";

/** A toggle: a word that is filled when on. */
export function Toggle({
  text,
  isOn,
  onChange,
}: {
  readonly text: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
}): JSX.Element {
  return (
    <button type="button" class="toggle small" aria-pressed={isOn} onClick={() => onChange(!isOn)}>
      {text}
    </button>
  );
}
