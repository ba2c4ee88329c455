/** Trains and measures one run of a lab: npx tsx bench/lab/run.ts FOLDER DESIGN SEED. Goes on where an earlier process ended. */

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { contactSheet } from "../../src/images/index.ts";
import { listCheckpoints } from "../../src/training/checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../../src/training/checkpoints/checkpoint-folder.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { stateHash } from "../../src/training/models/state-hash.ts";
import { parseEvent } from "../../src/training/run-folder/events.ts";
import { pipelineFromRun } from "../../src/training/run-pipeline.ts";
import { train } from "../../src/training/train.ts";
import { describeMachine } from "../machine.ts";
import { mean } from "../measure.ts";
import { type Design, TWENTIETHS } from "./design.ts";
import { designNamed } from "./designs.ts";
import { Measure, SIDE } from "./measured.ts";
import { readOptions } from "./options.ts";
import { latentShape, type Plan, planRun } from "./plan.ts";
import { LabData } from "./prepare.ts";
import { RunFiles } from "./run-files.ts";

const [folder = "", name = "", seed = ""] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Trains to the end. False where a signal ended it before. */
async function trained(files: RunFiles, { config }: Plan, { models }: Design): Promise<boolean> {
  const before = process.cpuUsage();
  let steps = 0;
  const resume = existsSync(join(files.run, "config.json"));
  const outcome = await train(config, {
    resume,
    resumeCommand: "npx tsx bench/lab.ts",
    say,
    rehearsal: false,
    onStep: () => {
      steps += 1;
    },
    ...(models !== undefined && { models }),
  });
  const { user, system } = process.cpuUsage(before);
  if (steps > 0) files.addSession({ steps, cpuSeconds: (user + system) / 1e6 });
  if (!outcome.finished) process.exitCode = outcome.exitCode;
  return outcome.finished;
}

/** Measures the checkpoints at the wanted points that have captions; of all but the last nothing is kept. */
async function measured(
  files: RunFiles,
  plan: Plan,
  design: Design,
  measure: Measure,
): Promise<void> {
  const { models = RunModelLoader } = design;
  const known = new Set(files.points.map(({ stage, step }) => `${stage}/${step}`));
  const distance = TWENTIETHS / options.points;
  let before = 0;
  let twentieths = 0;
  for (const { name: stage, part, steps, every, operations } of plan.stages) {
    const root = stageCheckpoints(join(files.run, "checkpoints"), stage);
    const checkpoints = part.learns === "captions" ? await listCheckpoints(root) : [];
    for (const { path, step } of checkpoints) {
      // A run that was stopped has checkpoints of other steps too.
      const isPoint = (twentieths + step / every) % distance === 0;
      if (!isPoint || known.has(`${stage}/${step}`)) continue;
      const { pipe } = await pipelineFromRun(path, true, "cpu", models);
      const tflop = (before + step * operations) / 1e12;
      const point = { stage, step, tflop, ...(await measure.of(pipe)) };
      pipe.dispose();
      files.addPoint(point);
      const rate = mean(point.right);
      say(`${tflop.toFixed(2)} TFLOP: ${(100 * rate).toFixed(1)} % of pairs`);
    }
    before += steps * operations;
    twentieths += part.twentieths;
  }
}

async function finish(
  files: RunFiles,
  plan: Plan,
  design: Design,
  measure: Measure,
): Promise<void> {
  const { pipe } = await pipelineFromRun(files.run, true, "cpu", design.models ?? RunModelLoader);
  const { prompts, real, drawn } = await measure.strip(pipe);
  for (const [path, images] of [
    [files.real, real],
    [files.strip, drawn],
  ] as const) {
    const sheet = await contactSheet(images, { columns: images.length, cell: SIDE });
    await sheet.save(path);
  }
  const ended = await measure.atEnd(pipe);
  const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);
  const other = sum(ended.rightOther) / ended.rightOther.length;
  say(`At the end ${(100 * other).toFixed(1)} % of the other split's pairs`);
  const { transformer } = pipe;
  const { sessions } = files;
  const [counted, cpu] = [sessions.map((s) => s.steps), sessions.map((s) => s.cpuSeconds)];
  const steps = sum(plan.stages.map((stage) => stage.steps));
  files.finish({
    design: design.name,
    seed: Number(seed),
    what: design.what,
    tflop: sum(plan.stages.map((stage) => stage.steps * stage.operations)) / 1e12,
    stages: plan.stages.map((stage, i) => ({
      name: stage.name,
      steps: stage.steps,
      pictures: stage.steps * (plan.config.stages[i]?.batchSize ?? 0),
      gflop: stage.operations / 1e9,
    })),
    weights: transformer.numParameters(),
    points: files.points,
    ...ended,
    seconds: secondsAt(files),
    // Killed processes did not tell; what they did counts as what the others did.
    cpuSeconds: (sum(cpu) * steps) / sum(counted),
    prompts,
    hash: stateHash(transformer),
    machine: describeMachine(),
    date: new Date().toISOString(),
  });
  pipe.dispose();
}

/** Seconds in steps up to each point of the curve. */
function secondsAt(files: RunFiles): number[] {
  const { points } = files;
  const at = new Map<string, number>();
  let seconds = 0;
  for (const line of readFileSync(join(files.run, "events.jsonl"), "utf8").split("\n")) {
    const event = line.includes('"step"') ? parseEvent(line) : undefined;
    if (event?.type !== "step") continue;
    seconds += Object.values(event.seconds).reduce((sum, part) => sum + part, 0);
    at.set(`${event.stage}/${event.step}`, seconds);
  }
  return points.map(({ stage, step }) => at.get(`${stage}/${step}`) ?? Number.NaN);
}

/** Removes what a run that is done has no more use for. */
async function tidyUp(files: RunFiles, plan: Plan): Promise<void> {
  for (const stage of plan.stages) {
    const root = stageCheckpoints(join(files.run, "checkpoints"), stage.name);
    const checkpoints = await listCheckpoints(root);
    const isLast = stage === plan.stages.at(-1);
    for (const { path } of isLast ? checkpoints.slice(0, -1) : checkpoints)
      rmSync(path, { recursive: true });
  }
}

const design = designNamed(name);
const options = readOptions(folder);
const files = new RunFiles(folder, name, Number(seed));
mkdirSync(files.folder, { recursive: true });
const data = await LabData.open(folder);
const place = { folder, run: files.run, seed: Number(seed) };
const plan = planRun(place, design, options, await latentShape(options.vae), data);
if (files.result === undefined && (await trained(files, plan, design))) {
  const measure = await Measure.open(folder, data.pairs, options);
  await measured(files, plan, design, measure);
  await finish(files, plan, design, measure);
}
if (files.result !== undefined) await tidyUp(files, plan);
