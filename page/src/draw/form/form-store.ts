import { computed, effect, signal } from "@preact/signals";
import type { DrawModel } from "../../../../src/studio/api-types.ts";
import { getJson, messageOf } from "../../api/request.ts";
import { type DrawForm, EMPTY_FORM } from "./draw-form.ts";
import { formOfQuery, formQuery } from "./form-url.ts";

const SETTLE_MS = 300;

/** A picture that drawing starts from. */
export interface StartPicture {
  readonly blob: Blob;
  /** Transparent where it is redrawn; of the picture's size. */
  readonly mask: Blob | undefined;
}

export const form = signal<DrawForm>(EMPTY_FORM);
export const startPicture = signal<StartPicture | undefined>(undefined);
export const models = signal<readonly DrawModel[] | undefined>(undefined);
export const modelsProblem = signal<string | undefined>(undefined);
/** What a dropped file was used as. */
export const dropNotice = signal<string | undefined>(undefined);

/** The model selected in the form, otherwise the first. */
export const chosenModel = computed(() => {
  const list = models.value ?? [];
  return list.find(({ id }) => id === form.value.model) ?? list[0];
});

/** Changes fields of the form. */
export function setForm(change: Partial<DrawForm>): void {
  form.value = { ...form.value, ...change };
}

/** Reads the form from the URL, and requests the available models. */
export async function openForm(): Promise<void> {
  const query = new URLSearchParams(location.search);
  setForm(formOfQuery(query));
  try {
    const told = await getJson<{ models: DrawModel[] }>("/models");
    models.value = told.models;
    modelsProblem.value = undefined;
    const wanted = ofRun(told.models, query.get("run"), query.get("step"));
    if (wanted !== undefined) setForm({ model: wanted.id });
  } catch (error) {
    modelsProblem.value = messageOf(error);
  }
}

/** A run's checkpoint at a step, or its newest one. */
function ofRun(
  list: readonly DrawModel[],
  run: string | null,
  step: string | null,
): DrawModel | undefined {
  if (run === null) return undefined;
  const own = list.filter((model) => model.run === run);
  if (step !== null) return own.find((model) => model.step === Number(step));
  return [...own].sort((a, b) => (b.step ?? 0) - (a.step ?? 0))[0];
}

/** Keeps the URL in sync with the form, until the returned function is called. */
export function keepAddress(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const query = formQuery(form.value);
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(history.state, "", `/draw?${query}`), SETTLE_MS);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}
