import { type CheckedConfig, loadConfig } from "../config/index.ts";
import { runFolderOf } from "../training/run-pipeline.ts";
import { train } from "../training/train.ts";
import { say } from "./talk.ts";

/** Options of `pixart train`. */
export interface TrainCommandOptions {
  readonly workDir?: string;
  /** True or "auto": the run folder's own; otherwise a run folder or its newest checkpoint. */
  readonly resume?: boolean | string;
  readonly amp?: boolean;
  readonly gpus?: number;
  readonly launcher?: string;
  readonly cfgOptions?: readonly string[];
}

const quoted = (word: string): string =>
  /^[\w./=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** `pixart train CONFIG` */
export async function trainCommand(name: string, options: TrainCommandOptions): Promise<void> {
  requireOneProcess(options);
  const { resume = false, workDir, cfgOptions = [] } = options;
  const loaded = await loadConfig(name, cfgOptions);
  const place = typeof resume === "string" && resume !== "auto" ? runFolderOf(resume) : workDir;
  const config = {
    ...(options.amp ? inBfloat16(loaded) : loaded),
    workDir: place ?? loaded.workDir,
  };
  const command = [
    "npx pixart train",
    quoted(name),
    "--work-dir",
    quoted(config.workDir),
    "--resume",
  ];
  const outcome = await train(config, {
    resume: resume !== false,
    resumeCommand: command.join(" "),
    say,
  });
  process.exitCode = outcome.exitCode;
  if (outcome.finished) {
    say(`Done. Draw pictures: npx pixart sample ${quoted(outcome.folder)} "a prompt"`);
    say(
      `Publish:             npx pixart publish ${quoted(outcome.folder)} ${quoted(`${outcome.folder}/published`)}`,
    );
  }
  process.stdout.write(`${outcome.folder}\n`);
}

const inBfloat16 = (config: CheckedConfig): CheckedConfig => ({
  ...config,
  stages: config.stages.map((stage) => ({ ...stage, precision: "bfloat16" as const })),
});

function requireOneProcess({ gpus = 1, launcher = "none" }: TrainCommandOptions): void {
  if (launcher !== "none" && launcher !== "pytorch") {
    throw new Error(`Expected none or pytorch for --launcher but received ${launcher}`);
  }
  if (gpus !== 1) {
    throw new Error(
      `Expected 1 for --gpus, because a run has one process so far, but received ${gpus}`,
    );
  }
}
