import { computed, signal } from "@preact/signals";
import { PixartClient } from "../../../../src/client/client.ts";
import type { DrawnPictures } from "../../../../src/client/results.ts";
import { messageOf } from "../../api/request.ts";
import { type DrawForm, newSeed } from "../form/draw-form.ts";
import { drawRequest } from "../form/draw-request.ts";
import { chosenModel, form, type StartPicture, setForm, startPicture } from "../form/form-store.ts";
import { begunJobs, forgetJob, rememberJob } from "./begun-jobs.ts";
import { type Drawing, type DrawingGroup, hear, newDrawing } from "./drawing.ts";
import { followSteadily } from "./follow-steadily.ts";
import { keepPictures, pictures } from "./history.ts";

/** What is drawn or waits, newest first; failed ones stay until they are put away. */
export const drawings = signal<readonly Drawing[]>([]);
/** The group of pictures that was chosen to be shown large. */
export const chosenGroup = signal<string | undefined>(undefined);
/** The one that is: the chosen one as long as it has pictures, else the newest. */
export const shownGroup = computed(() => {
  const { value: chosen } = chosenGroup;
  const isThere = pictures.value.some(({ group }) => group === chosen);
  return isThere ? chosen : pictures.value[0]?.group;
});

/** Unlike any other of this browser; `randomUUID` is not there over plain http from a phone. */
const newId = (): string => `${Date.now().toString(36)}-${newSeed().toString(36)}`;

const client = new PixartClient({ baseUrl: location.origin });
/** Previews a picture: one a step for any number of steps that people wait for. */
const PREVIEWS = 100;

/** Draws what the form says: with a new seed, unless it is kept. */
export function drawForm(): Promise<void> {
  if (!form.value.keepsSeed) setForm({ seed: newSeed() });
  return draw(form.value, startPicture.value);
}

/** Draws, shows how far it is, and keeps the pictures. */
export async function draw(asked: DrawForm, start: StartPicture | undefined): Promise<void> {
  if (asked.prompt.trim() === "") return;
  const modelLabel = chosenModel.value?.label ?? asked.model;
  const steps = asked.steps ?? chosenModel.value?.steps ?? 20;
  const group = { id: newId(), form: asked, modelLabel, steps };
  await run(group, (stopped) => begin(asked, start, stopped));
}

/** Goes on with what this tab had begun before it was loaded anew. */
export function resumeDrawings(): void {
  const known = new Set(drawings.value.map(({ id }) => id));
  for (const { job, ...group } of begunJobs())
    if (!known.has(group.id)) void run(group, () => Promise.resolve(job));
}

/** Shows a drawing until it is over; `job` gives its id at the server. */
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
  } finally {
    forgetJob(drawing.id);
    for (const address of drawing.state.value.previews)
      if (address !== undefined) URL.revokeObjectURL(address);
  }
}

/** Cancels what was begun last and is not over. */
export function cancelNewest(): void {
  drawings.value.find(({ state }) => state.value.problem === undefined)?.cancel();
}

/** Takes a drawing out of the list. */
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

/** The last picture is kept first: the history has the newest in front. */
function keep(
  { id, form: asked, modelLabel }: Drawing,
  { pictures: drawn, details }: DrawnPictures,
): Promise<void> {
  const time = new Date().toISOString();
  const all = drawn.map(({ bytes, mediaType, seed }) => ({
    group: id,
    time,
    form: { ...asked, seed, keepsSeed: true },
    modelLabel,
    seconds: details.seconds,
    blob: new Blob([bytes], { type: mediaType }),
  }));
  return keepPictures(all.reverse());
}
