import type { App, AppContext } from "../../server/app-types.ts";
import { ApiError, badValue } from "../../server/http/api-error.ts";
import type { CheckState } from "../api-types.ts";
import type { StudioJob } from "../data/studio-jobs.ts";
import { pictureAnswer } from "../pictures/picture-answer.ts";
import { bases, tokenizerOf } from "../start/bases.ts";
import { checkRequest } from "../start/start-request.ts";
import type { StudioContext } from "../studio-context.ts";
import { bodyOf, requireChange } from "./requests.ts";

/** Adds the routes for checking folders of pictures, and for jobs in general. */
export function addDataRoutes(app: App, studio: StudioContext): void {
  const { roots, jobs, checks, thumbnails } = studio;
  const jobOf = (c: AppContext): StudioJob => {
    const job = jobs.find(c.req.param("job") ?? "");
    if (job !== undefined) return job;
    throw new ApiError(404, "job_not_found", "Expected the id of an existing job");
  };
  app.get("/api/folders", async (c) => c.json(await roots.list(c.req.query("path"))));
  app.post("/api/data/check", async (c) => {
    requireChange(c, studio);
    const { folder, base } = await bodyOf(c, checkRequest);
    const known = bases();
    const chosen = base === undefined ? known[0] : known.find(({ name }) => name === base);
    if (chosen === undefined)
      throw badValue(`one of ${known.map(({ name }) => name).join(", ")}`, "base", base);
    const path = await roots.require(folder);
    const { name, resolution: size } = chosen;
    const job = checks.begin(path, { base: name, size, tokenizer: tokenizerOf(name) });
    return c.json({ job: job.id }, 202);
  });
  app.get("/api/jobs/:job", (c) => c.json<CheckState>(jobOf(c).state));
  app.get("/api/jobs/:job/pictures/:key", async (c) => {
    const bytes = await checks.read(jobOf(c), c.req.param("key"));
    return pictureAnswer(c, bytes, { thumbnails, isOwn: false });
  });
}
