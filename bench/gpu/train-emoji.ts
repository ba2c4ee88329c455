/**
 * Trains configs/emoji_full.ts for as long as it is given, and publishes what it learned:
 * npx tsx bench/gpu/train-emoji.ts FOLDER [options]. gpu.sh calls it. A few steps of each stage tell how fast they are; all stages are then
 * shortened alike. FOLDER gets `published`, `sheet.png` and `training.json`.
 * --device D   cuda unless given
 * --seconds N  for everything
 * --tiny       few pictures and a handful of steps, for trying this out
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import emojiFull from "../../configs/emoji_full.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { threads } from "../machine.ts";
import { median } from "../measure.ts";
import { pixart } from "../processes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cuda" },
    seconds: { type: "string", default: "150" },
    tiny: { type: "boolean", default: false },
  },
});

const [target] = positionals;
if (target === undefined) throw new Error("Expected a folder for the model");
const end = performance.now() / 1000 + Number(values.seconds);
const left = (): number => end - performance.now() / 1000;

/** Of the time, for what comes after the last step: saving, publishing, drawing. */
const AFTERWARDS = values.tiny ? 0 : 25;
const PROBE_STEPS = values.tiny ? 2 : 12;
/** The first steps of a stage choose kernels and warm up. */
const WARM = values.tiny ? 0 : 4;

/** Runs `pixart …` with its output in this one's; is told to stop where it takes longer. Resolves to its exit code. */
async function run(command: readonly string[], seconds = left()): Promise<number> {
  process.stderr.write(`$ pixart ${command.join(" ")}\n`);
  const child = spawn(process.execPath, pixart(...command), { stdio: ["ignore", 2, 2] });
  const timer = setTimeout(() => child.kill("SIGINT"), Math.max(seconds, 0) * 1000);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
    });
  } finally {
    clearTimeout(timer);
  }
}

async function must(command: readonly string[]): Promise<void> {
  const code = await run(command);
  if (code !== 0) throw new Error(`pixart ${command[0]} ended with ${code}`);
}

const folder = mkdtempSync(join(tmpdir(), "pixart-gpu-emoji-"));
const at = (name: string): string => join(folder, name);
const STOPPED = 130; // by SIGINT, with everything saved

/** The recipe's steps, the same share of each stage. */
const stepsBy = (share: number): number[] =>
  emojiFull.stages.map(({ steps }) => Math.max(1, Math.round(Number(steps) * share)));

function trainCommand(name: string, steps: readonly number[], more: readonly string[]): string[] {
  const options = steps.flatMap((count, i) => [
    `stages.${i}.steps=${count}`,
    `stages.${i}.schedule.warmupSteps=${Math.min(50, Math.ceil(count / 20))}`,
    `stages.${i}.precision=bfloat16`,
    ...(values.tiny ? [`stages.${i}.batchSize=4`] : []),
    ...more.map((each) => `stages.${i}.${each}`),
  ]);
  const place = ["--work-dir", at(name), "--device", values.device, "--no-rehearsal"];
  const always = [`dataset.folder=${at("data")}`, `threads=${threads}`];
  const small = ["stages.3.curated=false", "sampling.prompts=[a fox]", "sampling.steps=1"];
  if (values.tiny) always.push(...small);
  return ["train", "emoji_full", ...place, "--cfg-options", ...always, ...options];
}

/** Median seconds of a step by stage. */
function stepSeconds(name: string): number[] {
  const events = readEvents(join(at(name), "events.jsonl"));
  return emojiFull.stages.map((stage) => {
    const found = events.flatMap((event) =>
      event.type === "step" && event.stage === stage.name
        ? [Object.values(event.seconds).reduce((sum, part) => sum + part, 0)]
        : [],
    );
    return median(found.slice(WARM));
  });
}

async function train(): Promise<object> {
  const size = ["--size", "64", ...(values.tiny ? ["--limit", "64"] : [])];
  await must(["dataset", "emoji", at("data"), ...size]);
  const begun = left();
  const quiet = ["sampleEvery=null", "validateEvery=null", "checkpointEvery=100000"];
  const probe = emojiFull.stages.map(() => PROBE_STEPS);
  await must(trainCommand("probe", probe, quiet));
  const seconds = stepSeconds("probe");
  const stepped = seconds.reduce((sum, each) => sum + each * PROBE_STEPS, 0);
  /** Of a run, beside its steps: starting, reading pictures, latents between stages, checkpoints. */
  const overhead = begun - left() - stepped;
  const whole = stepsBy(1).reduce((sum, steps, i) => sum + steps * (seconds[i] ?? 0), 0);
  const room = left() - AFTERWARDS - overhead;
  const share = values.tiny ? 0.001 : Math.min(1, Math.max(room, 0) / whole);
  const steps = stepsBy(share);
  process.stderr.write(
    `The recipe's steps would take ${whole.toFixed(0)} s; ${room.toFixed(0)} s are there: ${steps.join(" + ")} steps\n`,
  );
  const started = performance.now();
  const code = await run(trainCommand("run", steps, quiet), left() - AFTERWARDS / 2);
  if (code !== 0 && code !== STOPPED) throw new Error(`pixart train ended with ${code}`);
  const trained = (performance.now() - started) / 1000;
  return { share, steps, stepSeconds: seconds, seconds: trained, stopped: code === STOPPED };
}

try {
  const told = await train();
  mkdirSync(target, { recursive: true });
  await must(["publish", at("run"), join(target, "published"), "--dtype", "bfloat16"]);
  const samples = join(at("run"), "samples");
  const sheet = readdirSync(samples).toSorted().at(-1);
  if (sheet !== undefined) cpSync(join(samples, sheet), join(target, "sheet.png"));
  writeFileSync(join(target, "training.json"), `${JSON.stringify(told, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
