import { computed, type Signal, signal } from "@preact/signals";
import { PixartClient } from "../../../src/client/client.ts";
import type { DrawEvent, DrawnPictures } from "../../../src/client/results.ts";
import { messageOf } from "../api/request.ts";
import { type DrawForm, newSeed } from "./draw-form.ts";
import { drawRequest } from "./draw-request.ts";
import { chosenModel, form, type StartPicture, setForm, startPicture } from "./form-store.ts";
import { keepPicture, pictures } from "./history.ts";

/** How far a drawing is. */
export interface DrawingState {
  /** Pictures of others before it; undefined once it is drawn. */
  readonly before: number | undefined;
  readonly step: number;
  readonly steps: number;
  /** Addresses of the newest previews, by picture. */
  readonly previews: readonly (string | undefined)[];
  readonly problem: string | undefined;
}

/** Pictures that are being drawn. */
export interface Drawing {
  readonly id: string;
  readonly form: DrawForm;
  readonly modelLabel: string;
  readonly state: Signal<DrawingState>;
  readonly cancel: () => void;
}

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
  const abort = new AbortController();
  const steps = asked.steps ?? chosenModel.value?.steps ?? 20;
  const drawing: Drawing = {
    id: newId(),
    form: asked,
    modelLabel: chosenModel.value?.label ?? asked.model,
    state: signal({
      before: 0,
      step: 0,
      steps,
      previews: Array.from({ length: asked.count }, () => undefined),
      problem: undefined,
    }),
    cancel: () => {
      abort.abort();
      putAway(drawing.id);
    },
  };
  drawings.value = [drawing, ...drawings.value];
  try {
    for await (const event of events(asked, start, abort.signal)) {
      if (event.type === "completed") await keep(drawing, event.result);
      else hear(drawing, event);
    }
    chosenGroup.value = drawing.id;
    putAway(drawing.id);
  } catch (error) {
    if (!abort.signal.aborted)
      drawing.state.value = { ...drawing.state.value, problem: messageOf(error) };
  } finally {
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

function events(
  asked: DrawForm,
  start: StartPicture | undefined,
  abortSignal: AbortSignal,
): AsyncGenerator<DrawEvent, DrawnPictures, void> {
  const request = drawRequest(asked);
  const call = { previews: PREVIEWS, signal: abortSignal };
  if (start === undefined) return client.watch(request, call);
  const { blob: image, mask } = start;
  const edit = { ...request, strength: asked.strength, image };
  return client.watchEdit(mask === undefined ? edit : { ...edit, mask }, call);
}

function hear({ state }: Drawing, event: Exclude<DrawEvent, { type: "completed" }>): void {
  const { value: now } = state;
  if (event.type === "queued") state.value = { ...now, before: event.position };
  if (event.type === "progress")
    state.value = { ...now, before: undefined, step: event.step, steps: event.total };
  if (event.type === "preview") {
    const previews = [...now.previews];
    const old = previews[event.picture];
    previews[event.picture] = URL.createObjectURL(
      new Blob([event.bytes], { type: event.mediaType }),
    );
    if (old !== undefined) URL.revokeObjectURL(old);
    state.value = { ...now, before: undefined, previews };
  }
}

async function keep(
  { id, form: asked, modelLabel }: Drawing,
  { pictures: drawn, details }: DrawnPictures,
): Promise<void> {
  const time = new Date().toISOString();
  for (const { bytes, mediaType, seed } of [...drawn].reverse())
    await keepPicture({
      group: id,
      time,
      form: { ...asked, seed, keepsSeed: true },
      modelLabel,
      seconds: details.seconds,
      blob: new Blob([bytes], { type: mediaType }),
    });
}
