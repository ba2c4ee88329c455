import type { JSX } from "preact";

interface NumberFieldProps {
  readonly label: string;
  /** Null for the model's default. */
  readonly value: number | null;
  /** That default; null while it isn't known. */
  readonly own: number | null;
  readonly least: number;
  readonly most: number;
  readonly step?: number;
  readonly onChange: (value: number | null) => void;
}

/** A number with a model-specific default, which is shown while the field is empty. */
export function NumberField(props: NumberFieldProps): JSX.Element {
  const { label, value, own, least, most, step = 1, onChange } = props;
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        min={least}
        max={most}
        step={step}
        placeholder={own === null ? "the model's own" : String(own)}
        value={value === null ? "" : String(value)}
        onInput={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          onChange(Number.isNaN(typed) ? null : Math.min(Math.max(typed, least), most));
        }}
      />
    </label>
  );
}
