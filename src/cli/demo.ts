import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig, type ParsedConfig } from "../config/index.ts";
import { renderEmojiDataset } from "../data/emoji/index.ts";
import { shellWord } from "../files/processes/shell-word.ts";
import { contactSheet } from "../images/index.ts";
import { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { publishPipeline } from "../pipelines/published/publish.ts";
import * as torch from "../torch/index.ts";
import { CONFIG_FILE } from "../training/run-folder/run-files.ts";
import { pipelineFromRun } from "../training/run-pipeline.ts";
import { train } from "../training/train.ts";
import { describeEvaluation } from "./drawing/describe-evaluation.ts";
import { evaluate } from "./drawing/evaluate.ts";
import { printResult } from "./terminal/output.ts";
import { say } from "./terminal/talk.ts";
import { cardOfRun } from "./training/publish-run.ts";

/** Half of the sheet's: the metric compares 16x16 pixels, and 219 pictures take a while. */
const MEASURE_STEPS = 10;

const minutes = (since: number): string => {
  const seconds = Math.round((performance.now() - since) / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
};

/** Options of `pixart demo`. */
export interface DemoOptions {
  /** Default: work_dirs/demo, or work_dirs/demo-quick. */
  readonly workDir?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
}

/** What `--quick` trains and measures: enough to see every part work, and too little to learn from. */
const QUICK = { steps: 20, warmupSteps: 5, prompts: 16 };

/** `pixart demo`: data, the whole curriculum, a published folder, a sheet of pictures and their evaluation. */
export async function demo({
  quick = false,
  json = false,
  ...options
}: DemoOptions): Promise<void> {
  const start = performance.now();
  const workDir = options.workDir ?? join("work_dirs", quick ? "demo-quick" : "demo");
  const data = join(workDir, "emoji");
  const run = join(workDir, "run");
  const published = join(workDir, "published");
  const sheetFile = join(workDir, "sheet.png");
  say("A small PixArt-α learns from emoji on this machine, through the paper's stages.");
  if (quick)
    say(
      "With --quick it takes too few steps to learn anything: it only shows that all parts work.",
    );
  say(`Everything goes to ${workDir}. Ctrl+C saves; the same command continues from there.\n`);

  if (!existsSync(join(data, "metadata.jsonl"))) {
    say("1/5 Rendering the pictures: four open emoji sets from npm packages, with captions");
    const made = await renderEmojiDataset(data, { size: 64 });
    say(`    ${made.records.length} pictures of ${made.things} things [${minutes(start)}]`);
  }
  say("2/5 Training: pixels by class, then captions at 32 px, then at 64 px");
  const loaded = await loadConfig("emoji_demo");
  const config = {
    ...loaded,
    workDir: run,
    dataset: { ...loaded.dataset, folder: data },
    stages: quick ? loaded.stages.map(shortened) : loaded.stages,
  };
  const resumeCommand = [
    "npx pixart demo",
    ...(quick ? ["--quick"] : []),
    ...(options.workDir === undefined ? [] : ["--work-dir", shellWord(options.workDir)]),
  ].join(" ");
  const outcome = await train(config, {
    resume: existsSync(join(run, CONFIG_FILE)),
    resumeCommand,
    say,
  });
  if (!outcome.finished) {
    process.exitCode = outcome.exitCode;
    return;
  }
  say(`    trained [${minutes(start)}]`);

  if (!existsSync(published)) {
    say("3/5 Publishing: a folder that Python's diffusers loads unchanged");
    const found = await pipelineFromRun(run, true);
    await publishPipeline(found.pipe, published, {
      dtype: "float32",
      prompt: config.sampling.prompts[0] ?? "",
      card: cardOfRun(found, "pipeline", { which: "averaged (EMA)", out: published }),
    });
    say("    read back: every weight is equal, and it draws the same picture as the run");
  }
  say("4/5 Drawing 16 prompts from the published folder");
  const pipe = await PixArtAlphaPipeline.fromPretrained(published);
  const { prompts, steps, guidanceScale, seed } = config.sampling;
  const { images } = await pipe([...prompts], {
    numInferenceSteps: steps,
    guidanceScale,
    generator: prompts.map((_, i) => torch.generator(seed + i)),
  });
  const sheet = await contactSheet(images, { columns: 4, labels: [...prompts], cell: 160 });
  await sheet.save(sheetFile);

  say("5/5 Measuring: how often is the nearest real picture the right one?");
  const measured = { pipe, run: undefined };
  const count = quick ? QUICK.prompts : 200;
  const drawing = { steps: MEASURE_STEPS, guidanceScale, seed: 1000 };
  const result = await evaluate(measured, config.dataset, { count }, drawing);
  say(describeEvaluation(result));
  say(`\nDone in ${minutes(start)}.`);
  say(`  the sheet of pictures:  ${sheetFile}`);
  say(`  the published folder:   ${published}`);
  say(
    `  draw your own:          npx pixart sample ${shellWord(published)} "a yellow star, noto style"`,
  );
  printResult(
    json
      ? JSON.stringify({ sheet: sheetFile, published, evaluation: result })
      : `${sheetFile}\n${published}`,
  );
}

const shortened = <S extends ParsedConfig["stages"][number]>(stage: S): S => ({
  ...stage,
  steps: QUICK.steps,
  schedule: { ...stage.schedule, warmupSteps: QUICK.warmupSteps },
  checkpointEvery: QUICK.steps,
  sampleEvery: null,
});
