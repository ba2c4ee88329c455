import { type Command, Option } from "commander";
import { DEVICE, number, wholeNumber, withExamples } from "../terminal/arguments.ts";

/** Adds the studio, and reports of runs. */
export function addStudioCommands(program: Command): void {
  withExamples(
    program.command("studio"),
    "studio",
    "studio work_dirs /data/runs --read-only",
    "studio --lan --data-root ~/pictures",
  )
    .description("serve a web page that shows runs live, starts and stops them, and draws")
    .argument("[work_dirs...]", "folders that contain run folders (default: work_dirs)")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option(
      "--port <n>",
      "the port to listen on; 0 lets the system choose",
      wholeNumber(0, 65_535),
      7470,
    )
    .option("--api-key <key...>", "keys with full access (also PIXART_API_KEY; default: a new one)")
    .option("--view-key <key...>", "keys with read-only access")
    .option("--allow-host <name...>", "other host names that requests may use, such as a proxy's")
    .option("--lan", "also listen on the local network, for a phone with a read-only key")
    .option(
      "--data-root <folder...>",
      "folders that training pictures may be in (default: the current folder)",
    )
    .option("--read-only", "start, stop and write nothing")
    .option("--open", "open the page in the system's browser")
    .option("--device <name>", `${DEVICE}, to draw on`, "auto")
    .option(
      "--models-memory <gb>",
      "memory for all models to draw with (default: 60 % of what is free)",
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
    .description("write a run as one HTML file to keep or send: curves, samples, config")
    .argument("<run>", "a run folder")
    .option("-o, --out <file>", "the file (default: <run>/report.html)")
    .action(async (run: string, options: import("../runs/report.ts").ReportCommandOptions) =>
      (await import("../runs/report.ts")).reportCommand(run, options),
    );
}
