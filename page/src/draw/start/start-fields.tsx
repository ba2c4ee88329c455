import { useSignal } from "@preact/signals";
import type { JSX, TargetedEvent } from "preact";
import { Icon } from "../../parts/icon.tsx";
import { form, setForm, startPicture } from "../form/form-store.ts";
import { addressOf } from "../pictures/history.ts";
import { MaskDialog } from "./mask-dialog.tsx";

/** A picture to start from, how much of it to redraw, and where. */
export function StartFields(): JSX.Element {
  const paints = useSignal(false);
  const { value: start } = startPicture;
  const choose = (event: TargetedEvent<HTMLInputElement>): void => {
    const [blob] = event.currentTarget.files ?? [];
    if (blob !== undefined) startPicture.value = { blob, mask: undefined };
    event.currentTarget.value = "";
  };
  return (
    <details open={start !== undefined}>
      <summary>Start picture</summary>
      {start === undefined ? (
        <label class="file-place">
          <Icon name="picture" />
          <span>Choose one, or drop it anywhere on the page</span>
          <input
            type="file"
            accept="image/png,image/jpeg,image/webp,image/avif"
            onChange={choose}
          />
        </label>
      ) : (
        <div class="start">
          <span class="framed thumb">
            <img src={addressOf(start.blob)} alt="What drawing starts from" />
            {start.mask !== undefined && (
              <img class="mask" src={addressOf(start.mask)} alt="Area that stays unchanged" />
            )}
          </span>
          <div class="stack">
            <label class="field">
              <span>
                How much is redrawn{" "}
                <output class="numeric">{form.value.strength.toFixed(2)}</output>
              </span>
              <input
                type="range"
                min="0.05"
                max="1"
                step="0.05"
                value={form.value.strength}
                onInput={(event) => setForm({ strength: event.currentTarget.valueAsNumber })}
              />
            </label>
            <span class="row">
              <button
                type="button"
                class="small"
                onClick={() => {
                  paints.value = true;
                }}
              >
                <Icon name="brush" />
                {start.mask === undefined ? "Redraw a part" : "Edit the mask"}
              </button>
              <button
                type="button"
                class="quiet small"
                onClick={() => {
                  startPicture.value = undefined;
                }}
              >
                Remove
              </button>
            </span>
          </div>
        </div>
      )}
      {paints.value && start !== undefined && (
        <MaskDialog
          start={start}
          onDone={(mask) => {
            startPicture.value = { blob: start.blob, mask };
            // The painted area is redrawn completely, as in the API.
            setForm({ strength: mask === undefined ? 0.6 : 1 });
          }}
          onClose={() => {
            paints.value = false;
          }}
        />
      )}
    </details>
  );
}
