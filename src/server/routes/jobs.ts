import { streamJob } from "../answers/stream-job.ts";
import type { App, AppContext } from "../app-types.ts";
import { ApiError } from "../http/api-error.ts";
import { hasRoomForStream } from "../http/sse.ts";
import type { Job } from "../jobs/job.ts";
import type { ServerContext } from "../server-context.ts";
import { jobAnswer } from "./images.ts";

/** Adds the endpoints for a job by its id. */
export function addJobRoutes(app: App, server: ServerContext): void {
  const jobOf = (c: AppContext): Job => {
    const id = c.req.param("id") ?? "";
    const job = server.running.get(id) ?? server.results.get(id);
    const isOwn = !server.keys.isNeeded || job?.client === c.get("client");
    if (job !== undefined && isOwn) return job;
    throw new ApiError(
      404,
      "job_not_found",
      "Expected the id of a job that is running or ended within the last hour",
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
    if (!hasRoomForStream())
      throw new ApiError(429, "too_many_streams", "Too many streams are open", { retryAfter: 5 });
    return streamJob(job, server.dispatcher.position(job));
  });
}
