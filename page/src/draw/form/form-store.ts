import { computed, effect, signal } from "@preact/signals";
import type { DrawModel } from "../../../../src/studio/api-types.ts";
import { answerOrder } from "../../api/answer-order.ts";
import { getJson, messageOf } from "../../api/request.ts";
import { countText } from "../../words/numbers.ts";
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

/** The model that was asked for and is not in the list: its id, or a checkpoint in words. The form has another one instead. */
export const missingModel = signal<string | undefined>(undefined);

/** Labels by id, also of models that are no longer listed. */
export const modelLabels = new Map<string, string>();

/** The form's model; undefined until the list has one. */
export const chosenModel = computed(() => models.value?.find(({ id }) => id === form.value.model));

/**
 * Changes fields of the form. Once there is a list of models, the form's model is one of it: the first instead of an unknown one.
 * Another model has none of the adapters that were selected before.
 */
export function setForm(change: Partial<DrawForm>): void {
  const before = form.peek();
  const list = models.peek() ?? [];
  const { model: asked = before.model } = change;
  if (change.model !== undefined) missingModel.value = undefined;
  const model = (list.find(({ id }) => id === asked) ?? list[0])?.id ?? asked;
  const isMissing = model !== asked && asked !== "";
  if (isMissing) missingModel.value = asked;
  const kept = model === before.model || before.model === "" ? before.adapters : [];
  const adapters = isMissing ? [] : (change.adapters ?? kept);
  form.value = { ...before, ...change, model, adapters };
}

/** Reads the form from the URL, and requests the available models. */
export async function openForm(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const { model, adapters, ...others } = formOfQuery(query);
  setForm(others);
  await loadModels();
  setForm({ ...(model !== undefined && { model }), ...(adapters !== undefined && { adapters }) });
  const run = query.get("run");
  wanted = run === null ? undefined : [run, query.get("stage"), query.get("step")];
  chooseWanted();
}

/** The checkpoint that the address asked for, until there is a list to choose it from. */
let wanted: Parameters<typeof chooseCheckpoint> | undefined;

function chooseWanted(): void {
  if (wanted === undefined || models.peek() === undefined) return;
  chooseCheckpoint(...wanted);
  wanted = undefined;
}

const beginList = answerOrder();

/** Requests the available models. An answer to an earlier request than the last that was taken is dropped. */
export async function loadModels(): Promise<void> {
  const takes = beginList();
  try {
    const { models: list } = await getJson<{ models: DrawModel[] }>("/models");
    if (!takes()) return;
    takeModels(list);
    modelsProblem.value = undefined;
  } catch (error) {
    modelsProblem.value = messageOf(error);
  }
}

/** Replaces the list. A missing model that is in it is chosen. */
function takeModels(list: readonly DrawModel[]): void {
  models.value = list;
  for (const { id, label } of list) modelLabels.set(id, label);
  const { value: missing } = missingModel;
  setForm(missing !== undefined && list.some(({ id }) => id === missing) ? { model: missing } : {});
  chooseWanted();
}

/** Chooses a run's checkpoint, otherwise its newest one. */
function chooseCheckpoint(run: string, stage: string | null, step: string | null): void {
  const own = models.peek()?.filter((model) => model.run === run) ?? [];
  const asked = own.find(
    (model) =>
      (stage === null || model.stage === stage) && (step === null || model.step === Number(step)),
  );
  const chosen = asked ?? own[0];
  if (chosen !== undefined) setForm({ model: chosen.id });
  if (asked === undefined)
    missingModel.value = ["The run's checkpoint", stage, step && `@${countText(Number(step))}`]
      .filter((part) => part)
      .join(" ");
}

/** Keeps the URL in sync with the form once there are models, until the returned function is called. */
export function keepAddress(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    if (models.value === undefined) return; // "Try again" reads the URL once more
    const query = formQuery(form.value);
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(history.state, "", `/draw?${query}`), SETTLE_MS);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}
