import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { GOAL_TEXTS } from "../../config/goals/goal-config.ts";
import { recipeTexts } from "../../config/list-recipes.ts";
import { makeFolder } from "../../files/make-folder.ts";
import type { App } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { isRunFolder, RunFolder } from "../../training/run-folder/run-folder.ts";
import type { StartPlan, Starts } from "../api-types.ts";
import { idOf } from "../runs/run-table.ts";
import { bases } from "../start/bases.ts";
import { planRun } from "../start/plan-run.ts";
import { finetuneArguments, startRequest } from "../start/start-request.ts";
import type { StudioContext } from "../studio-context.ts";
import { bodyOf, requireChange, startingRun } from "./requests.ts";

/** Adds the routes for starting runs, and for the choices available. */
export function addStartRoutes(app: App, studio: StudioContext): void {
  const { roots, runs, started, options } = studio;

  app.get("/api/starts", async (c) =>
    c.json<Starts>({
      bases: bases(),
      recipes: recipeTexts().map(({ name, about }) => ({ name, text: about })),
      goals: GOAL_TEXTS,
      dataRoots: await roots.all(),
    }),
  );

  const requireFree = (path: string): void => {
    if (RunFolder.isNew(path) && !started.isAtWork(idOf(path))) return;
    throw new ApiError(409, "name_taken", "Expected a name that is not taken for name", {
      param: "name",
    });
  };

  let isPlanning = false;
  app.post("/api/runs", async (c) => {
    requireChange(c, studio);
    const asked = await bodyOf(c, startRequest);
    const { word, overrides, ...fields } = asked;
    const request = {
      ...fields,
      ...(word !== undefined && { word }),
      ...(overrides !== undefined && { overrides }),
    };
    const folder = await roots.require(request.folder);
    const root = workDirOf(runs.roots);
    const args = finetuneArguments(request, folder, root);
    if (request.dry) {
      requireFree(join(await realpath(root).catch(() => root), request.name));
      if (isPlanning)
        throw new ApiError(429, "too_many_jobs", "Another plan is being made", { retryAfter: 5 });
      isPlanning = true;
      try {
        return c.json<StartPlan>(await planRun(options.program, args));
      } finally {
        isPlanning = false;
      }
    }
    await startingRun(() => makeFolder(root));
    const path = join(await realpath(root), request.name);
    requireFree(path); // nothing is awaited from here to the start, or two requests could pass
    const run = { id: idOf(path), path, name: request.name };
    await startingRun(() => started.start(run, args, process.cwd()));
    return c.json({ id: run.id }, 202);
  });
}

/** The first folder that contains runs: a given one may be a run itself. */
function workDirOf(roots: readonly string[]): string {
  const root = roots.find((each) => !isRunFolder(each));
  if (root !== undefined) return root;
  throw new ApiError(409, "no_work_dir", "Expected a server that was given a folder of runs");
}
