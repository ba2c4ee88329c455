import type { StartPlan } from "../api-types.ts";
import { commandText, type Program, runCommand } from "./own-command.ts";

/** Output of the command's dry run, as far as it is used. */
interface PrintedPlan {
  readonly lines: readonly string[];
  readonly seconds: number;
  readonly steps: number;
  readonly memory: { readonly bytes: number };
  readonly disks: readonly { readonly bytes: number }[];
}

const WARNING = /^Warning: /;

/** What a run would do and need, from the command's own dry run. It measures the speed, so it takes as long as a few steps. */
export async function planRun(program: Program, args: readonly string[]): Promise<StartPlan> {
  const command = commandText(args);
  const { code, stdout, lines } = await runCommand(program, [...args, "--dry-run", "--json"]);
  if (code !== 0) {
    const problem = lines.slice(-6).join("\n") || `The command has ended with ${code}`;
    return {
      lines: [],
      memoryBytes: 0,
      diskBytes: 0,
      seconds: null,
      steps: 0,
      problems: [problem],
      warnings: [],
      command,
    };
  }
  const plan = JSON.parse(stdout) as PrintedPlan;
  return {
    lines: plan.lines.filter((line) => !WARNING.test(line)),
    memoryBytes: plan.memory.bytes,
    diskBytes: plan.disks.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: plan.seconds,
    steps: plan.steps,
    problems: [],
    warnings: plan.lines
      .filter((line) => WARNING.test(line))
      .map((line) => line.replace(WARNING, "")),
    command,
  };
}
