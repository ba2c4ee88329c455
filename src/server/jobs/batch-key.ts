import type { Job } from "./job.ts";

/** Equal for jobs whose pictures can be drawn in one call of the model. A job that starts from a picture shares with no other. */
export function batchKey({ id, request }: Job): string {
  const { model, settings, images } = request;
  const isPlain = images.image === undefined && images.controlImage === undefined;
  return JSON.stringify([model.name, settings, isPlain ? "" : id]);
}
