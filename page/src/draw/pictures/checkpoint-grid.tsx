import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog } from "../../parts/dialog.tsx";
import { form, models } from "../form/form-store.ts";
import { drawGrid, gridRows, isGridDrawn, stopGrid } from "./checkpoint-grid-store.ts";
import { addressOf } from "./history.ts";

const MOST_AT_FIRST = 4;

/** The same prompt and seeds drawn by several models: one row per model, one column per seed. */
export function CheckpointGrid({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const list = models.value ?? [];
  const ticked = useSignal<readonly string[]>(list.slice(0, MOST_AT_FIRST).map(({ id }) => id));
  const ids = list.map(({ id }) => id);
  const chosen = ids.filter((id) => ticked.value.includes(id)); // without those that are gone
  const seeds = Array.from({ length: form.value.count }, (_, at) => form.value.seed + at);
  const labelOf = (id: string): string => list.find((model) => model.id === id)?.label ?? id;
  const close = (): void => {
    stopGrid();
    onClose();
  };
  const toggle = (id: string, isChosen: boolean): void => {
    ticked.value = ids.filter((one) => (one === id ? isChosen : chosen.includes(one)));
  };
  return (
    <Dialog title="Compare checkpoints" onClose={close}>
      <div class="stack">
        <p class="soft">
          “{form.value.prompt}”, seeds {seeds[0]} to {seeds.at(-1)}, drawn by each of these:
        </p>
        <fieldset class="grid-models">
          <legend class="unseen">Models</legend>
          {list.map(({ id, label }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                onChange={(event) => toggle(id, event.currentTarget.checked)}
              />
              {label}
            </label>
          ))}
        </fieldset>
        <div class="row">
          <button
            type="button"
            class="main"
            disabled={isGridDrawn.value || chosen.length === 0 || form.value.prompt === ""}
            onClick={() => void drawGrid(form.value, chosen)}
          >
            Draw {chosen.length * seeds.length} pictures
          </button>
          {isGridDrawn.value && (
            <>
              <button type="button" onClick={stopGrid}>
                Stop
              </button>
              <span class="soft" role="status">
                {gridRows.value.length} of {chosen.length} models
              </span>
            </>
          )}
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard */}
        <section class="matrix scroll-x" tabIndex={0} aria-label="Pictures by model and seed">
          <table>
            {gridRows.value.length > 0 && (
              <thead>
                <tr>
                  <td />
                  {seeds.map((seed) => (
                    <th key={seed} scope="col" class="numeric">
                      {seed}
                    </th>
                  ))}
                </tr>
              </thead>
            )}
            <tbody>
              {gridRows.value.map(({ model, pictures, problem }) => (
                <tr key={model}>
                  <th scope="row">{labelOf(model)}</th>
                  {problem !== undefined && <td colSpan={seeds.length}>{problem}</td>}
                  {pictures.map((blob, at) => (
                    <td key={seeds[at]}>
                      <span class="framed grid-picture">
                        <img src={addressOf(blob)} alt={`${labelOf(model)}, seed ${seeds[at]}`} />
                      </span>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </Dialog>
  );
}
