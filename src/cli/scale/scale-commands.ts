import { type Command, Option } from "commander";
import { INPUTS, type InputFact } from "../../scale/inputs.ts";
import { number, withExamples } from "../terminal/arguments.ts";
import { REPORT_PARTS } from "./report-parts.ts";

/** Adds `pixart simulate`. */
export function addScaleCommands(program: Command): void {
  const simulate = withExamples(
    program.command("simulate"),
    "simulate --gpus 8 64 --mtbf-hours 1000",
    "simulate --gpus 64 --show time checkpoints",
  )
    .description(
      "estimate a large run before it starts: time, failures, checkpoints, storage (docs/scale.md). Arithmetic and random numbers; nothing is trained",
    )
    .requiredOption("--gpus <n...>", "number of GPUs; several numbers are compared", collected)
    .option("--recipe <name>", "pixart-alpha, or a JSON file like docs/scale.md's", "pixart-alpha")
    .option(
      "--pictures <n>",
      "pictures in each captioned data set, instead of the recipe's",
      number,
    )
    .option("--gpu-days <n>", "GPU days of all the recipe's steps, to scale its speeds", number)
    .option("--images-per-second <n...>", "speed of one GPU, one number per stage", collected);
  for (const [name, fact] of Object.entries<InputFact>(INPUTS))
    simulate.option(`--${flagOf(name)} <n>`, fact.what, number, fact.default);
  simulate
    .addOption(
      new Option("--show <parts...>", "only these parts, for a single number of GPUs").choices(
        REPORT_PARTS,
      ),
    )
    .option("--json", "as JSON: a list, one report for each number of GPUs")
    .action(async (options: import("./simulate.ts").SimulateOptions) =>
      (await import("./simulate.ts")).simulateCommand(options),
    );
}

/** `mtbfHours` is `--mtbf-hours`. */
const flagOf = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Collects a flag's numbers. */
const collected = (text: string, before: readonly number[] = []): number[] => [
  ...before,
  number(text),
];
