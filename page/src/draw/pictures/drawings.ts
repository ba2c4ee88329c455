import { computed, signal } from "@preact/signals";
import { PixartClient } from "../../../../src/client/client.ts";
import type { DrawnPictures } from "../../../../src/client/results.ts";
import { isRefusal, messageOf } from "../../api/request.ts";
import { session } from "../../session/session.ts";
import { type DrawForm, newSeed } from "../form/draw-form.ts";
import { drawRequest } from "../form/draw-request.ts";
import {
  chosenModel,
  form,
  loadModels,
  missingModel,
  type StartPicture,
  setForm,
  startPicture,
} from "../form/form-store.ts";
import { begunJobs, forgetJob, rememberJob } from "./begun-jobs.ts";
import { type Drawing, type DrawingGroup, hear, newDrawing } from "./drawing.ts";
import { followSteadily } from "./follow-steadily.ts";
import { keepPictures, pictures } from "./history.ts";

/** Current and waiting drawings, newest first; failed ones stay until dismissed. */
export const drawings = signal<readonly Drawing[]>([]);
/** The group of pictures that was selected for large display. */
export const chosenGroup = signal<string | undefined>(undefined);
/** The displayed group: the selected one as long as it has pictures, otherwise the newest. */
export const shownGroup = computed(() => {
  const { value: chosen } = chosenGroup;
  const isThere = pictures.value.some(({ group }) => group === chosen);
  return isThere ? chosen : pictures.value[0]?.group;
});

/** Unique in this browser; `randomUUID` does not exist over plain http from a phone. */
const newId = (): string => `${Date.now().toString(36)}-${newSeed().toString(36)}`;

const client = new PixartClient({ baseUrl: location.origin });
/** Previews per picture: one per step for any number of steps that people wait for. */
const PREVIEWS = 100;

/**
 * Draws the form, with a new seed unless it is locked, shows the progress, and stores the pictures. Does nothing without a prompt
 * or a model, or if this key cannot draw.
 */
export async function drawForm(): Promise<void> {
  const { value: model } = chosenModel;
  const canDraw = session.peek()?.canDraw === true;
  if (model === undefined || form.peek().prompt.trim() === "" || !canDraw) return;
  missingModel.value = undefined; // the note has been seen
  if (!form.peek().keepsSeed) setForm({ seed: newSeed() });
  const asked = form.peek();
  const start = startPicture.peek();
  const steps = asked.steps ?? model.steps ?? 20;
  const isEdit = start !== undefined;
  const group = { id: newId(), form: asked, modelLabel: model.label, isEdit, steps };
  await run(group, (stopped) => begin(asked, start, stopped));
}

/** Resumes what this tab had started before it was reloaded. */
export function resumeDrawings(): void {
  const known = new Set(drawings.value.map(({ id }) => id));
  for (const { job, ...group } of begunJobs())
    if (!known.has(group.id)) void run(group, () => Promise.resolve(job));
}

/** Shows a drawing until it is over; `job` returns its id on the server. */
async function run(
  group: DrawingGroup,
  job: (stopped: AbortSignal) => Promise<string>,
): Promise<void> {
  const abort = new AbortController();
  const cancel = (): void => {
    abort.abort();
    putAway(group.id);
  };
  const drawing = newDrawing(group, cancel);
  drawings.value = [drawing, ...drawings.value];
  try {
    const id = await job(abort.signal);
    rememberJob({ ...group, job: id });
    for await (const event of followSteadily(client, id, abort.signal)) {
      if (event.type === "completed") await keep(drawing, event.result);
      else hear(drawing, event);
    }
    chosenGroup.value = drawing.id;
    putAway(drawing.id);
  } catch (error) {
    if (!abort.signal.aborted)
      drawing.state.value = { ...drawing.state.value, problem: messageOf(error) };
    if (isRefusal(error)) void loadModels(); // the model may be gone
  } finally {
    forgetJob(drawing.id);
    for (const address of drawing.state.value.previews)
      if (address !== undefined) URL.revokeObjectURL(address);
  }
}

/** Cancels the latest drawing that is not over. */
export function cancelNewest(): void {
  drawings.value.find(({ state }) => state.value.problem === undefined)?.cancel();
}

/** Removes a drawing from the list. */
export function putAway(id: string): void {
  drawings.value = drawings.value.filter((drawing) => drawing.id !== id);
}

function begin(
  asked: DrawForm,
  start: StartPicture | undefined,
  stopped: AbortSignal,
): Promise<string> {
  const request = drawRequest(asked);
  const call = { previews: PREVIEWS, signal: stopped };
  if (start === undefined) return client.begin(request, call);
  const { blob: image, mask } = start;
  const edit = { ...request, strength: asked.strength, image };
  return client.beginEdit(mask === undefined ? edit : { ...edit, mask }, call);
}

/** The last picture is stored first, because the history shows the newest first. */
function keep(
  { id, form: asked, modelLabel, isEdit }: Drawing,
  { pictures: drawn, details }: DrawnPictures,
): Promise<void> {
  const time = new Date().toISOString();
  const all = drawn.map(({ bytes, mediaType, seed }) => ({
    group: id,
    time,
    form: { ...asked, seed, keepsSeed: true },
    modelLabel,
    isEdit,
    seconds: details.seconds,
    blob: new Blob([bytes], { type: mediaType }),
  }));
  return keepPictures(all.reverse());
}
