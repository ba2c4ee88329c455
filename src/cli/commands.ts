import type { Command } from "commander";
import { addCaptionCommands } from "./datasets/caption-commands.ts";
import { addDatasetCommands } from "./datasets/dataset-commands.ts";
import { addDrawingCommands } from "./drawing/drawing-commands.ts";
import { addServeCommands } from "./drawing/serve-commands.ts";
import { addStudioCommands } from "./drawing/studio-commands.ts";
import { addRunsCommands } from "./runs/runs-commands.ts";
import { addScaleCommands } from "./scale/scale-commands.ts";
import { withExamples } from "./terminal/arguments.ts";
import { addTrainingCommands } from "./training/training-commands.ts";

// Each command's code is loaded when it is called: --help, setup and doctor must work even if the engine does not.

/** Adds all commands to the program. */
export function addCommands(program: Command): void {
  withExamples(program, 'sample emoji-demo "a red apple, noto style"', "train --help");

  withExamples(program.command("setup"), "setup")
    .description("get libtorch and build the native addon; quick when nothing is missing")
    .action(async () => (await import("./setup.ts")).setup());

  withExamples(program.command("doctor"), "doctor", "doctor --json > report.json")
    .description(
      "print engine, devices, memory, disk and versions as one report to paste; exits with 1 if the engine cannot be loaded",
    )
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import("./doctor.ts");
      process.stdout.write(`${await doctor(options)}\n`);
    });

  withExamples(program.command("demo"), "demo", "demo --work-dir work_dirs/demo-2")
    .description(
      "train a small model on emoji on this machine and draw a sheet of pictures, in 15 to 25 minutes; says how to get the emoji packages if they are missing",
    )
    .option("--work-dir <folder>", "the folder for all output (default: work_dirs/demo)")
    .option("--quick", "a minute of training: shows that every part works here, and learns nothing")
    .option("--json", "the paths of sheet and model, and the evaluation, as JSON")
    .action(async (options: import("./demo.ts").DemoOptions) =>
      (await import("./demo.ts")).demo(options),
    );

  addDatasetCommands(
    withExamples(program.command("dataset"), "dataset check my-pictures").description(
      "check, convert and make data sets",
    ),
  );
  addCaptionCommands(program);
  addTrainingCommands(program);
  addRunsCommands(
    withExamples(program.command("runs"), "runs list").description(
      "look at training runs, and compare them",
    ),
  );
  addDrawingCommands(program);
  addServeCommands(program);
  addStudioCommands(program);
  addScaleCommands(program);
}
