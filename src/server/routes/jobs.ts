import { streamJob } from "../answers/stream-job.ts";
import type { App, AppContext } from "../app-types.ts";
import { ApiError } from "../http/api-error.ts";
import { requireRoomForStream } from "../http/sse.ts";
import type { Job } from "../jobs/job.ts";
import { KEPT } from "../jobs/result-store.ts";
import { ownsJob, type ServerContext } from "../server-context.ts";
import { jobAnswer } from "./images.ts";

/** Adds the endpoints for a job by its id. */
export function addJobRoutes(app: App, server: ServerContext): void {
  const jobOf = (c: AppContext): Job => {
    const id = c.req.param("id") ?? "";
    const job = server.running.get(id) ?? server.results.get(id);
    if (job !== undefined && ownsJob(server, c.get("client"), job)) return job;
    throw new ApiError(
      404,
      "job_not_found",
      `Expected the id of a job that is running or whose result is still kept: ${KEPT}`,
    );
  };
  app.get("/v1/jobs/:id", (c) => c.json(jobAnswer(server, c, jobOf(c))));
  app.delete("/v1/jobs/:id", (c) => {
    const job = jobOf(c);
    server.dispatcher.cancel(job);
    return c.json(jobAnswer(server, c, job));
  });
  app.get("/v1/jobs/:id/events", (c) => {
    const job = jobOf(c);
    requireRoomForStream();
    return streamJob(job, server.dispatcher.position(job));
  });
}
