import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "../../parts/icon.tsx";
import { Problem } from "../../parts/problem.tsx";
import { session } from "../../session/session.ts";
import { CheckpointGrid } from "../pictures/checkpoint-grid.tsx";
import { drawForm, drawings } from "../pictures/drawings.ts";
import { StartFields } from "../start/start-fields.tsx";
import { AdapterFields } from "./adapter-fields.tsx";
import { CopyCode } from "./copy-code.tsx";
import { form, models, modelsProblem, openForm, setForm } from "./form-store.ts";
import { ModelFields } from "./model-fields.tsx";
import { NoModels } from "./no-models.tsx";
import { SeedField } from "./seed-field.tsx";

/** The whole form. */
export function DrawFormPanel(): JSX.Element {
  const compares = useSignal(false);
  const { value } = form;
  if (models.value === undefined)
    return (
      <div class="draw-form card" aria-busy={modelsProblem.value === undefined}>
        <Problem message={modelsProblem.value} onRetry={() => void openForm()} />
      </div>
    );
  if (models.value.length === 0) return <NoModels />;
  const canDraw = session.value?.canDraw === true;
  const isDrawing = drawings.value.some(({ state }) => state.value.problem === undefined);
  return (
    <form
      class="draw-form card"
      aria-label="What to draw"
      onSubmit={(event) => {
        event.preventDefault();
        void drawForm();
      }}
    >
      <label class="field prompt">
        <span>Prompt</span>
        <textarea
          rows={3}
          required
          placeholder="a red apple, noto style"
          value={value.prompt}
          onInput={(event) => setForm({ prompt: event.currentTarget.value })}
        />
      </label>
      <div class="draw-go">
        <button type="submit" class="main" disabled={!canDraw}>
          <Icon name="draw" />
          {isDrawing ? "Add to queue" : "Draw"}
          <kbd>Ctrl ⏎</kbd>
        </button>
        <label class="count">
          <span class="unseen">How many pictures</span>
          <select
            value={String(value.count)}
            onChange={(event) => setForm({ count: Number(event.currentTarget.value) })}
          >
            {[1, 2, 4, 6, 8, 10].map((count) => (
              <option key={count} value={String(count)}>
                × {count}
              </option>
            ))}
          </select>
        </label>
      </div>
      {!canDraw && <p class="note">This key is read-only: it cannot draw.</p>}
      <SeedField />
      <ModelFields />
      <AdapterFields />
      <details open={value.negative !== ""}>
        <summary>Negative prompt</summary>
        <label class="field">
          <span>What to avoid</span>
          <textarea
            rows={2}
            value={value.negative}
            onInput={(event) => setForm({ negative: event.currentTarget.value })}
          />
        </label>
      </details>
      <StartFields />
      <div class="row form-end">
        <CopyCode />
        <button
          type="button"
          class="quiet small"
          disabled={!canDraw}
          onClick={() => {
            compares.value = true;
          }}
        >
          Compare checkpoints
        </button>
      </div>
      {compares.value && (
        <CheckpointGrid
          onClose={() => {
            compares.value = false;
          }}
        />
      )}
    </form>
  );
}
