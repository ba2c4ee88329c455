import type { JSX } from "preact";
import { Icon } from "../../parts/icon.tsx";
import { newSeed } from "./draw-form.ts";
import { form, setForm } from "./form-store.ts";

/** The seed. Unlocked, it changes each time; locked, a changed word only changes what it says. */
export function SeedField(): JSX.Element {
  const { seed, keepsSeed } = form.value;
  return (
    <div class="seed">
      <label class="field">
        <span>Seed {keepsSeed ? "kept" : "new each time"}</span>
        <input
          type="number"
          min="0"
          step="1"
          inputMode="numeric"
          value={String(seed)}
          onInput={(event) => {
            const value = event.currentTarget.valueAsNumber;
            if (Number.isSafeInteger(value) && value >= 0)
              setForm({ seed: value, keepsSeed: true });
          }}
        />
      </label>
      <button
        type="button"
        class="icon-button"
        aria-label="Another seed"
        title="Another seed"
        onClick={() => setForm({ seed: newSeed() })}
      >
        <Icon name="dice" />
      </button>
      <button
        type="button"
        class="icon-button toggle"
        aria-label="Keep the seed"
        title={keepsSeed ? "The seed is kept" : "A new seed each time"}
        aria-pressed={keepsSeed}
        onClick={() => setForm({ keepsSeed: !keepsSeed })}
      >
        <Icon name={keepsSeed ? "lock" : "unlock"} />
      </button>
    </div>
  );
}
