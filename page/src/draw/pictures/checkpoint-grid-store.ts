import { signal } from "@preact/signals";
import { PixartClient } from "../../../../src/client/client.ts";
import { messageOf } from "../../api/request.ts";
import type { DrawForm } from "../form/draw-form.ts";
import { drawRequest } from "../form/draw-request.ts";
import { followSteadily } from "./follow-steadily.ts";

/** Pictures of one model, one per seed; or why there are none. */
export interface GridRow {
  readonly model: string;
  readonly pictures: readonly Blob[];
  readonly problem: string | undefined;
}

export const gridRows = signal<readonly GridRow[]>([]);
export const isGridDrawn = signal(false);

const client = new PixartClient({ baseUrl: location.origin });
let abort = new AbortController();

/** Draws the same prompt and seeds with one model after another. */
export async function drawGrid(form: DrawForm, models: readonly string[]): Promise<void> {
  abort = new AbortController();
  const { signal: stopped } = abort;
  gridRows.value = [];
  isGridDrawn.value = true;
  for (const model of models) {
    const row = await drawRow({ ...form, model }, stopped);
    if (stopped.aborted) break;
    gridRows.value = [...gridRows.value, row];
  }
  isGridDrawn.value = false;
}

/** Stops drawing before its next step. */
export function stopGrid(): void {
  abort.abort();
}

async function drawRow(form: DrawForm, stopped: AbortSignal): Promise<GridRow> {
  const { model } = form;
  try {
    const blobs: Blob[] = [];
    // As a job, because an answer may take longer than a browser waits.
    const job = await client.begin(drawRequest(form), { signal: stopped });
    for await (const event of followSteadily(client, job, stopped))
      if (event.type === "completed")
        for (const { bytes, mediaType } of event.result.pictures)
          blobs.push(new Blob([bytes], { type: mediaType }));
    return { model, pictures: blobs, problem: undefined };
  } catch (error) {
    return { model, pictures: [], problem: messageOf(error) };
  }
}
