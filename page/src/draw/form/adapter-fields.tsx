import type { JSX } from "preact";
import type { AdapterChoice } from "./draw-form.ts";
import { chosenModel, form, setForm } from "./form-store.ts";

/** Adapters of the model, and others that an address names, each with its weight; at 0 it is not used. */
export function AdapterFields(): JSX.Element | null {
  const { adapters } = form.value;
  const names = [
    ...new Set([...(chosenModel.value?.adapters ?? []), ...adapters.map(({ name }) => name)]),
  ];
  if (names.length === 0) return null;
  const scaleOf = (name: string): number =>
    adapters.find((adapter) => adapter.name === name)?.scale ?? 0;
  const set = (name: string, scale: number): void => {
    const others: AdapterChoice[] = adapters.filter((adapter) => adapter.name !== name);
    setForm({ adapters: scale === 0 ? others : [...others, { name, scale }] });
  };
  return (
    <fieldset class="adapters">
      <legend>Adapters</legend>
      {names.map((name) => (
        <label key={name}>
          <span class="clipped">{name}</span>
          <input
            type="range"
            min="0"
            max="1.5"
            step="0.05"
            value={scaleOf(name)}
            onInput={(event) => set(name, event.currentTarget.valueAsNumber)}
          />
          <output class="numeric">{scaleOf(name) === 0 ? "off" : scaleOf(name).toFixed(2)}</output>
        </label>
      ))}
    </fieldset>
  );
}
