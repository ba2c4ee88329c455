import type { Command } from "commander";
import { FLAG_LIMITS, wholeNumber, withExamples } from "../terminal/arguments.ts";

/** Adds the subcommands of `pixart runs`. */
export function addRunsCommands(runs: Command): void {
  withExamples(runs.command("list"), "runs list", "runs list work_dirs --json")
    .description("list the runs in a folder and their state, newest first")
    .argument("[folder]", "the folder that contains the run folders", "work_dirs")
    .option("--json", "as JSON")
    .action(async (folder: string, options: import("./runs.ts").RunsListOptions) =>
      (await import("./runs.ts")).runsList(folder, options),
    );

  withExamples(runs.command("compare"), "runs compare work_dirs/a work_dirs/b --sheet both.png")
    .description("compare two runs: differences of their configs, losses, speed")
    .argument("<a>", "a run folder")
    .argument("<b>", "another one")
    .option("--sheet <file>", "a PNG with both runs' sample sheets side by side")
    .option("--json", "as JSON")
    .action(async (a: string, b: string, options: import("./runs-compare.ts").RunsCompareOptions) =>
      (await import("./runs-compare.ts")).runsCompare(a, b, options),
    );

  withExamples(runs.command("worst"), "runs worst work_dirs/mine --count 10 --sheet worst.png")
    .description(
      "list the training pictures with the highest losses: wrong captions, damage, outliers",
    )
    .argument("<run>", "a run folder")
    .option("--count <n>", "how many", wholeNumber(1, FLAG_LIMITS.pictures), 20)
    .option("--stage <name>", "the stage (default: the last one that was trained)")
    .option("--sheet <file>", "a PNG with thumbnails and captions")
    .option("--json", "as JSON")
    .action(async (run: string, options: import("./runs-worst.ts").RunsWorstOptions) =>
      (await import("./runs-worst.ts")).runsWorst(run, options),
    );
}
