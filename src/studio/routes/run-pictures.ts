import type { App } from "../../server/app-types.ts";
import { readInside } from "../pictures/file-inside.ts";
import { pictureAnswer } from "../pictures/picture-answer.ts";
import { readRun } from "../runs/read-run.ts";
import { sampleFile } from "../runs/samples.ts";
import type { StudioContext } from "../studio-context.ts";

/** Adds the pictures of runs: samples and training pictures. */
export function addRunPictureRoutes(app: App, studio: StudioContext): void {
  const { runs, thumbnails, pictures } = studio;
  app.get("/api/runs/:id/samples/:stage/:step/:which", async (c) => {
    const { id, stage, step, which } = c.req.param();
    const run = await runs.find(id);
    const { tail } = await readRun(run);
    const file = sampleFile(tail, { stage, step: Number(step) }, which);
    const bytes = file === undefined ? undefined : await readInside(run.place.path, file);
    return pictureAnswer(c, bytes, { thumbnails, isOwn: true });
  });
  app.get("/api/runs/:id/pictures/:key", async (c) => {
    const { id, key } = c.req.param();
    const bytes = await pictures.read(await runs.find(id), key);
    return pictureAnswer(c, bytes, { thumbnails, isOwn: false });
  });
}
