import { join } from "node:path";
import type { ParsedConfig } from "../../config/index.ts";
import { configOf, loadRecipe, workDirOf } from "../../config/load-config.ts";
import { shellWord } from "../../files/processes/shell-word.ts";
import { dryResume, dryRun } from "../../training/preflight/dry-run.ts";
import { planReport } from "../../training/preflight/plan-report.ts";
import { proveResume } from "../../training/prove-resume.ts";
import { readRunConfig } from "../../training/run-folder/run-folder.ts";
import { runFolderOf } from "../../training/run-pipeline.ts";
import { resumeRun, train } from "../../training/train.ts";
import { exitIfRankLost, isResumed, launch, processesOf } from "../processes.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { resumeCommandOf } from "./resume-command.ts";

/** Options of `pixart train`. */
export interface TrainCommandOptions {
  readonly workDir?: string;
  /** True or "auto": this run folder; otherwise another run folder or its newest checkpoint. */
  readonly resume?: boolean | string;
  readonly amp?: boolean;
  /** Default: as the config says. */
  readonly device?: string;
  readonly gpus?: number;
  readonly launcher?: string;
  readonly maxRestarts?: number;
  readonly cfgOptions?: readonly string[];
  readonly acceptChangedData?: boolean;
  readonly acceptOtherRun?: boolean;
  readonly dryRun?: boolean;
  /** Prints the outcome as JSON on stdout; for a dry run the plan, for a proof the differences. */
  readonly json?: boolean;
  /** Default: depends on the size of the models. */
  readonly rehearsal?: boolean;
  /** True: with the usual number of steps. */
  readonly proveResume?: number | true;
}

/** Steps before and after the kill. */
const PROOF_STEPS = 4;

/** `pixart train CONFIG` */
export async function trainCommand(name: string, options: TrainCommandOptions): Promise<void> {
  const processes = processesOf(options);
  const { gpus = 1, maxRestarts, rehearsal } = options;
  const { dryRun: isDry, proveResume: proof, json = false } = options;
  if (processes === "launch" && !isDry && proof === undefined) {
    process.exitCode = await launch(options);
    return;
  }
  const { resume = false, workDir, cfgOptions = [] } = options;
  const recipe = await loadRecipe(name);
  const elsewhere = typeof resume === "string" && resume !== "auto" ? runFolderOf(resume) : workDir;
  const folder = elsewhere ?? workDirOf(recipe, cfgOptions);
  const fresh = (): ParsedConfig => {
    const config = configOf(recipe, cfgOptions);
    return { ...(options.amp ? inBfloat16(config) : config), workDir: folder };
  };
  const changes = (): string[] => [...cfgOptions, ...(options.amp ? bfloat16Changes(folder) : [])];
  const accepted = {
    changedData: options.acceptChangedData ?? false,
    otherRun: options.acceptOtherRun ?? false,
  };
  const { device } = options;
  const begun = { config: name, workDir: folder, device, gpus, maxRestarts, rehearsal };
  const resumeCommand = resumeCommandOf(begun);
  if (proof !== undefined) {
    const config = fresh();
    const steps = proof === true ? PROOF_STEPS : proof;
    await prove({ ...config, device: device ?? config.device }, steps, json);
    return;
  }
  if (isDry || processes === "launch") {
    const strict = rehearsal !== false;
    const chosen = { strict, processes: gpus, device, say };
    const plan =
      resume === false
        ? await dryRun(fresh(), resumeCommand, chosen)
        : await dryResume(folder, changes(), { ...chosen, accepted });
    if (json) process.stdout.write(`${JSON.stringify(planReport(plan))}\n`);
    return;
  }
  const config = isResumed(resume, processes, folder) ? undefined : fresh();
  const world = await processes.join();
  const run = {
    resumeCommand,
    say: world.isFirst ? say : () => {},
    rehearsal,
    device,
    recipe,
    world,
    accepted,
  };
  const outcome = await exitIfRankLost(world, () =>
    config === undefined
      ? resumeRun(folder, { ...run, changes: changes() })
      : train(config, { ...run, resume: false }),
  );
  if (outcome === undefined) return;
  process.exitCode = outcome.exitCode;
  if (!world.isFirst) return;
  if (outcome.finished) {
    say(`Done. Draw pictures: npx pixart sample ${shellWord(outcome.folder)} "a prompt"`);
    say(
      `Publish:             npx pixart publish ${shellWord(outcome.folder)} ${shellWord(join(outcome.folder, "published"))}`,
    );
  }
  printResult(json ? JSON.stringify(outcome) : outcome.folder);
}

/** Reports whether a resumed run equals an uninterrupted one; the exit code is 1 if it does not. */
async function prove(config: ParsedConfig, steps: number, json: boolean): Promise<void> {
  const stages = await proveResume(config, steps, say);
  const isProven = stages.every(({ differs }) => differs.length === 0);
  const lines = stages.map(({ stage, differs }) =>
    differs.length === 0
      ? `Stage "${stage}": weights, moments, averages and losses are equal to the last bit`
      : `Stage "${stage}": DIFFERENT in ${differs.join(", ")}`,
  );
  lines.push(isProven ? "Resume is proven for this config" : "Resume is NOT proven");
  process.stdout.write(`${json ? JSON.stringify({ isProven, stages }) : lines.join("\n")}\n`);
  if (!isProven) process.exitCode = 1;
}

const inBfloat16 = (config: ParsedConfig): ParsedConfig => ({
  ...config,
  stages: config.stages.map((stage) => ({ ...stage, precision: "bfloat16" as const })),
});

/** The same as changes of a resumed run. */
const bfloat16Changes = (folder: string): string[] =>
  readRunConfig(folder).stages.map((_, i) => `stages.${i}.precision=bfloat16`);
