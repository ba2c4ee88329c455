import { existsSync } from "node:fs";
import { join } from "node:path";
import { WorkerEndedError } from "../../errors/index.ts";
import type { App } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { readmeCommand } from "../../training/run-folder/run-readme.ts";
import { controlRun } from "../runs/control-run.ts";
import { readingRun } from "../runs/read-run.ts";
import { runCommand } from "../start/own-command.ts";
import { resumeArguments } from "../start/resume-arguments.ts";
import { controlRequest, publishRequest } from "../start/start-request.ts";
import type { StudioContext } from "../studio-context.ts";
import { bodyOf, requireChange, startingRun } from "./requests.ts";

/** Adds the routes that change a run. */
export function addRunControlRoutes(app: App, studio: StudioContext): void {
  const { runs, started, jobs, options } = studio;

  app.post("/api/runs/:id/control", async (c) => {
    requireChange(c, studio);
    const { do: what } = await bodyOf(c, controlRequest);
    const run = await runs.find(c.req.param("id"));
    if (started.isAtWork(run.place.id) && !run.mayBeWritten)
      throw new ApiError(
        409,
        "run_not_ready",
        "The run's process takes no requests yet; try again in a moment",
      );
    await controlRun(run, what);
    return c.json({}, 202);
  });

  app.post("/api/runs/:id/resume", async (c) => {
    requireChange(c, studio);
    const run = await runs.find(c.req.param("id"));
    const { path, id } = run.place;
    const args = await resumeArguments(run);
    const folder = readmeCommand(path)?.folder;
    const cwd = folder !== undefined && existsSync(folder) ? folder : process.cwd();
    const found = await readingRun(run.place, () => run.process);
    if (found !== undefined || started.isAtWork(id))
      throw new ApiError(409, "run_at_work", "A process is already writing this run");
    await startingRun(() => started.start(run.place, args, cwd));
    return c.json({ id }, 202);
  });

  app.post("/api/runs/:id/publish", async (c) => {
    requireChange(c, studio);
    const { name } = await bodyOf(c, publishRequest);
    const { path } = (await runs.find(c.req.param("id"))).place;
    const output = join(path, "published", name);
    const job = jobs.begin(
      async (own) => {
        const end = await runCommand(options.program, ["publish", path, output], (message) =>
          own.note({ message }),
        );
        if (end.code !== 0) throw new WorkerEndedError(end.lines.slice(-3).join("\n"));
        own.note({ state: "done", message: output });
      },
      { output },
    );
    return c.json({ job: job.id }, 202);
  });
}
