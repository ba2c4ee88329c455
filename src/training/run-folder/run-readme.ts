/** The README of a run folder: how to go on, and what lies where. */
export function runReadme(name: string, resumeCommand: string): string {
  return `# ${name}

A training run of PixArt-α. It can be stopped at any time (Ctrl+C saves first) and goes on with this command, from
\`${process.cwd()}\`:

\`\`\`sh
${resumeCommand}
\`\`\`

| | |
|--|--|
| \`config.json\` | the config as this run uses it, every default written out |
| \`run.json\` | what tells this run from all others |
| \`events.jsonl\` | all that happened, one JSON object a line: each step's loss, samples, checkpoints, warnings |
| \`log.txt\` | what the run has said |
| \`samples/\` | the same prompts from the same noise, drawn as the run goes on: sheets, and single pictures by stage and step |
| \`losses/\` | how each training picture is learnt: \`pixart runs worst\` |
| \`checkpoints/\` | weights, averaged weights and optimizer; each folder is whole once its \`manifest.json\` is there |
| \`tokenizer/\` | the tokenizer, where it was made from this run's captions |
| \`data/\` | what the pictures and captions were, by hashes: a resumed run says what changed |
| \`cache/\` | encoded pictures; made again where missing |
| \`tensorboard/\` | the curves and samples for \`tensorboard --logdir .\` |
| \`control/\` | a file called \`stop\`, \`save\` or \`sample\` put here asks the run for that after its next step |
| \`run.lock\` | there while a process writes this folder |
`;
}
