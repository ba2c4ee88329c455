import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unlessItFails } from "../../files/unless-it-fails.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { CONFIG_FILE, RECIPE_FILE } from "../../training/run-folder/run-files.ts";
import { resumeOptions } from "../../training/run-folder/run-readme.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { readingRun } from "../runs/read-run.ts";
import { resumeCommand } from "../runs/run-details.ts";

/**
 * Arguments of the command that resumes a run as it was begun: with as many processes. Throws an ApiError if another launcher
 * started these, because one process would take as many times as long.
 */
export async function resumeArguments(run: LiveRun): Promise<string[]> {
  const { path } = run.place;
  const options = resumeOptions(path);
  const { processes } = await readingRun(run.place, () => run.config);
  // A recipe may ask for the batches of several processes, and be trained by one.
  const isByOne = processes === 1 || recipeProcesses(path) === processes;
  if (!isByOne && !options.includes("--gpus")) {
    const command = resumeCommand(path) ?? "npx pixart train --resume";
    throw new ApiError(
      409,
      "other_launcher",
      `This run's ${processes} processes were started by torchrun, Slurm or MPI; resume it in the same way, or in a terminal with --gpus or as one process: ${command}`,
    );
  }
  // The run brings its own config; the recipe is only compared with it.
  const config = join(path, existsSync(join(path, RECIPE_FILE)) ? RECIPE_FILE : CONFIG_FILE);
  return ["train", config, "--work-dir", path, ...options, "--resume"];
}

/** The number of processes that a run's recipe asks for. */
const recipeProcesses = (run: string): unknown =>
  unlessItFails(() => Object(JSON.parse(readFileSync(join(run, RECIPE_FILE), "utf8"))).processes);
