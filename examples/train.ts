// Trains a config and draws with the result: npx tsx examples/train.ts [config] [prompt] [file.png]; --resume continues.
import { pipelineFromRun, train } from "pixart";
import { loadConfig } from "pixart/config";

const resume = process.argv.includes("--resume");
const [name = "emoji_demo", prompt = "a red apple, noto style", file = "picture.png"] = process.argv
  .slice(2)
  .filter((argument) => argument !== "--resume");

const config = await loadConfig(name, ["workDir=work_dirs/from-code"]); // overrides as in --cfg-options
const { folder, finished, exitCode } = await train(config, {
  resume,
  resumeCommand: `npx tsx examples/train.ts ${name} --resume`, // for the run's README and messages
  say: console.log,
});
if (!finished) process.exit(exitCode); // stopped by a signal, after saving

const { pipe } = await pipelineFromRun(folder, true); // true: averaged weights
const { images } = await pipe(prompt);
await images[0]?.save(file);
