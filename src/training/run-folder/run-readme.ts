import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { shellWords } from "../../files/processes/shell-word.ts";
import { README_FILE } from "./run-files.ts";

/** The README of a run folder: how to continue, and what is where. */
export function runReadme(name: string, resumeCommand: string): string {
  return `# ${name}

A training run of PixArt-α. It can be stopped at any time (Ctrl+C saves first) and continues with this command, run in
\`${process.cwd()}\`:

\`\`\`sh
${resumeCommand}
\`\`\`

| | |
|--|--|
| \`config.json\` | the config as this run uses it, every default written out |
| \`run.json\` | what tells this run from all others |
| \`events.jsonl\` | everything that happened, one JSON object per line: each step's loss, samples, checkpoints, warnings |
| \`log.txt\` | what the run printed |
| \`samples/\` | the same prompts from the same noise, drawn during the run: sheets, and single pictures by stage and step |
| \`losses/\` | the losses of each training picture: \`pixart runs worst\` |
| \`checkpoints/\` | weights, averaged weights and optimizer; each folder is complete once its \`manifest.json\` is there |
| \`tokenizer/\` | the tokenizer, if it was made from this run's captions |
| \`data/\` | hashes of the pictures and captions: a resumed run says what changed |
| \`cache/\` | encoded pictures; recomputed if missing |
| \`tensorboard/\` | the curves and samples for \`tensorboard --logdir .\` |
| \`control/\` | a file named \`stop\`, \`save\` or \`sample\` in here asks the run for that after its next step |
| \`run.lock\` | present while a process writes this folder |
`;
}

/** The resume command in a run's README; undefined if there is none. */
export function readmeCommand(
  run: string,
): { readonly folder: string; readonly command: string } | undefined {
  try {
    const text = readFileSync(join(run, README_FILE), "utf8");
    const [, folder, command] = /\n`(.+)`:\n\n```sh\n(.+)\n```/.exec(text) ?? [];
    return folder === undefined || command === undefined ? undefined : { folder, command };
  } catch {
    return undefined;
  }
}

/** Options of `pixart train` that no config contains, with a number and without one. The device is in the config. */
const COUNTED: readonly string[] = ["--gpus", "--max-restarts"];
const SWITCHES: readonly string[] = ["--rehearsal", "--no-rehearsal"];

/** The options with which a run's README resumes it, beyond its config: how many processes, and whether it rehearses. */
export function resumeOptions(run: string): string[] {
  const words = shellWords(readmeCommand(run)?.command ?? "");
  return words.flatMap((word, i) => {
    if (SWITCHES.includes(word)) return [word];
    const value = words[i + 1] ?? "";
    return COUNTED.includes(word) && /^[1-9]\d{0,4}$/.test(value) ? [word, value] : [];
  });
}

/**
 * A place of a run's config, such as its data set, as it reads from anywhere: a folder relative to where the run was started becomes
 * absolute. Names on the Hub stay as they are.
 */
export function absolutePlace(run: string, place: string): string {
  const local = resolve(readmeCommand(run)?.folder ?? process.cwd(), place);
  return existsSync(local) ? local : place;
}
