import { loadConfig } from "../config/index.ts";
import { train } from "../training/train.ts";
import { say } from "./talk.ts";

/** Options of `pixart train`. */
export interface TrainCommandOptions {
  readonly workDir?: string;
  readonly resume?: boolean;
  readonly cfgOptions?: readonly string[];
}

const quoted = (word: string): string =>
  /^[\w./=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** `pixart train CONFIG` */
export async function trainCommand(name: string, options: TrainCommandOptions): Promise<void> {
  const loaded = await loadConfig(name, options.cfgOptions ?? []);
  const config = { ...loaded, workDir: options.workDir ?? loaded.workDir };
  const command = [
    "npx pixart train",
    quoted(name),
    "--work-dir",
    quoted(config.workDir),
    "--resume",
  ];
  const outcome = await train(config, {
    resume: options.resume ?? false,
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
