import type { JSX } from "preact";
import { pictures } from "../pictures/history.ts";
import { chosenModel, form, missingModel, modelLabels, models, setForm } from "./form-store.ts";
import { NumberField } from "./number-field.tsx";
import { sizesOf } from "./sizes.ts";

/** What a model is called, or was when it last drew here. */
const labelOf = (id: string): string =>
  modelLabels.get(id) ??
  pictures.value.find((picture) => picture.form.model === id)?.modelLabel ??
  id;

/** The model, and the settings that it has defaults for. */
export function ModelFields(): JSX.Element {
  const { value } = form;
  const { value: model } = chosenModel;
  const sizes = sizesOf(model?.resolution ?? null);
  const hasOtherSize = value.size !== "" && !sizes.some(({ size }) => size === value.size);
  const { schedulers = [] } = model ?? {};
  const hasOtherSampler = value.scheduler !== "" && !schedulers.includes(value.scheduler);
  const samplers = hasOtherSampler ? [...schedulers, value.scheduler] : schedulers;
  return (
    <>
      <label class="field">
        <span>Model</span>
        <select
          value={value.model}
          onChange={(event) => setForm({ model: event.currentTarget.value })}
        >
          {models.value?.map(({ id, label, isLoading }) => (
            <option key={id} value={id}>
              {isLoading ? `${label} (loading)` : label}
            </option>
          ))}
        </select>
      </label>
      {missingModel.value !== undefined && (
        <p class="note" role="status">
          {labelOf(missingModel.value)} is not available; {model?.label} is selected instead.
        </p>
      )}
      <div class="field-pair">
        <NumberField
          label="Steps"
          value={value.steps}
          own={model?.steps ?? null}
          least={1}
          most={1000}
          onChange={(steps) => setForm({ steps })}
        />
        <NumberField
          label="Guidance"
          value={value.guidance}
          own={model?.guidanceScale ?? null}
          least={0}
          most={100}
          step={0.1}
          onChange={(guidance) => setForm({ guidance })}
        />
      </div>
      <div class="field-pair">
        <label class="field">
          <span>Size</span>
          <select
            value={value.size}
            onChange={(event) => setForm({ size: event.currentTarget.value })}
          >
            <option value="">the model's own</option>
            {sizes.map(({ size, text }) => (
              <option key={size} value={size}>
                {text}
              </option>
            ))}
            {hasOtherSize && <option value={value.size}>{value.size.replace("x", " × ")}</option>}
          </select>
        </label>
        <label class="field">
          <span>Sampler</span>
          <select
            value={value.scheduler}
            onChange={(event) => setForm({ scheduler: event.currentTarget.value })}
          >
            <option value="">the model's own</option>
            {samplers.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
    </>
  );
}
