import { type Command, Option } from "commander";
import { DEVICE, number, wholeNumber, withExamples } from "../terminal/arguments.ts";

/** Adds the page that shows runs, and what it can give away. */
export function addStudioCommands(program: Command): void {
  withExamples(
    program.command("studio"),
    "studio",
    "studio work_dirs /data/runs --read-only",
    "studio --lan --data-root ~/pictures",
  )
    .description("a page that shows runs as they go on, begins and ends them, and draws")
    .argument("[work_dirs...]", "folders that run folders are in (default: work_dirs)")
    .option("--host <address>", "the address to listen at", "127.0.0.1")
    .option(
      "--port <n>",
      "the port to listen at; 0 lets the system choose",
      wholeNumber(0, 65_535),
      7470,
    )
    .option("--api-key <key...>", "keys that may do all (also PIXART_API_KEY; default: a new one)")
    .option("--view-key <key...>", "keys that may only look")
    .option(
      "--allow-host <name...>",
      "names that this server is asked by beside its own, as behind a proxy",
    )
    .option(
      "--lan",
      "for a phone in the same network: listens there, with a key that may only look",
    )
    .option(
      "--data-root <folder...>",
      "folders that pictures to learn from may lie in (default: the current folder)",
    )
    .option("--read-only", "begins, ends and writes nothing")
    .option("--open", "opens the page in the system's browser")
    .option("--device <name>", `${DEVICE}, to draw on`, "auto")
    .option(
      "--models-memory <gb>",
      "what models to draw with may take together (default: 60 % of what is free)",
      number,
    )
    .addOption(
      new Option("--log-level <level>", "what is logged on stderr, as JSON lines")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("warn"),
    )
    .action(async (workDirs: string[], options: import("../studio.ts").StudioCommandOptions) =>
      (await import("../studio.ts")).studioCommand(workDirs, options),
    );

  withExamples(
    program.command("report"),
    "report work_dirs/mine",
    "report work_dirs/mine -o mine.html",
  )
    .description("a run as one HTML file to keep or send: curves, samples, config")
    .argument("<run>", "a run folder")
    .option("-o, --out <file>", "the file (default: <run>/report.html)")
    .action(async (run: string, options: import("../runs/report.ts").ReportCommandOptions) =>
      (await import("../runs/report.ts")).reportCommand(run, options),
    );
}
