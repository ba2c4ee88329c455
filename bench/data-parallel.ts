/**
 * How long a training step takes in two processes over Gloo: `pixart train --gpus 2` and PyTorch's DistributedDataParallel, a
 * PixArt transformer of 38 M weights, both sides in turns; and one process with the whole batch for scaling. Usage:
 * npx tsx bench/data-parallel.ts [rounds]. Writes bench/results/<date>-data-parallel.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../src/distributed/free-port.ts";
import { bestRatio, compareSides, type Measured, median, roundRatios } from "./measure.ts";
import { EXAMPLE } from "./models.ts";
import { here, python, runCommand } from "./processes.ts";
import { eachTime, type Run } from "./sides.ts";
import { captionTokens, makePictures, trainingRun } from "./training-runs.ts";

const [PROCESSES, BATCH, WARM] = [2, 4, 2];
const threadsOf = (processes: number): number => Math.max(1, Math.floor(cpus().length / processes));

/** What is trained, and for how long. */
interface Training {
  /** For data and runs. */
  readonly folder: string;
  readonly steps: number;
  readonly layers: number;
}

/** A step of `pixart train`. */
async function ours({ folder, steps, layers }: Training, processes: number): Promise<Run> {
  const from = (subfolder: string): object => ({ pretrained: EXAMPLE, subfolder });
  const stage = {
    kind: "text-to-image",
    name: "bench",
    resolution: 128,
    batchSize: BATCH / processes,
    steps,
    optimizer: { lr: 1e-4, weightDecay: 0.03 },
    ema: null,
    sampleEvery: null,
    spikes: null,
  };
  const shape = { numLayers: layers, numAttentionHeads: 6, attentionHeadDim: 72 };
  const config = {
    autoencoder: from("vae"),
    tokenizer: { ...from("tokenizer"), maxLength: 64 },
    textEncoder: from("text_encoder"),
    transformer: { ...shape, useAdditionalConditions: false },
    dataset: { folder: join(folder, "data"), cache: { folder: join(folder, "cache") } },
    threads: threadsOf(processes),
    stages: [stage],
    sampling: { prompts: ["a fox"], steps: 1 },
  };
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify(config));
  const { seconds } = await trainingRun(folder, path, ["--gpus", `${processes}`], WARM);
  return { seconds, peak: 0 }; // what was seen is the process that starts the others
}

/** The same of PyTorch's DDP. */
async function theirs({ steps, layers }: Training, tokens: number): Promise<Run> {
  const shape = {
    num_layers: layers,
    num_attention_heads: 6,
    attention_head_dim: 72,
    cross_attention_dim: 432,
    caption_channels: 128,
    sample_size: 32,
    in_channels: 4,
    out_channels: 8,
    use_additional_conditions: false,
  };
  const request = {
    processes: PROCESSES,
    port: await freePort(),
    threads: threadsOf(PROCESSES),
    batch: BATCH / PROCESSES,
    steps,
    tokens,
    shape,
  };
  const { stdout } = await runCommand(python, [here("data-parallel.py")], request);
  const { seconds } = JSON.parse(stdout) as { readonly seconds: number[] };
  return { seconds: median(seconds.slice(WARM)), peak: 0 };
}

/** Two processes, and one with the whole batch, against DDP. */
export async function measureDataParallel(
  training: Training,
  rounds: number,
): Promise<readonly [two: Measured, one: Measured]> {
  const { folder } = training;
  await makePictures(join(folder, "data"), 128, 16);
  const tokens = await captionTokens();
  await ours(training, 1); // fills the feature cache
  const alone: Run[] = [];
  const two = eachTime(async () => {
    const run = await ours(training, PROCESSES);
    alone.push(await ours(training, 1));
    return run;
  });
  const ddp = eachTime(() => theirs(training, tokens));
  const comparison = { name: "two processes", theirs: ddp, ours: two };
  const [measured] = await compareSides([comparison], { rounds, scratch: folder });
  if (measured === undefined) throw new Error("nothing was measured");
  return [measured, { ...measured, name: "one process", ours: alone }];
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 3);
  const folder = mkdtempSync(join(tmpdir(), "pixart-data-parallel-"));
  const today = new Date().toISOString().slice(0, 10);
  const steps = 22;
  try {
    const measured = await measureDataParallel({ folder, steps, layers: 12 }, rounds);
    const rows = measured.map((each) => {
      const ratios = roundRatios(each);
      const shown = ratios.map((ratio) => ratio.toFixed(2)).join(", ");
      const least = [each.theirs, each.ours].map((runs) =>
        Math.min(...runs.map(({ seconds }) => seconds)).toFixed(3),
      );
      return `| ${each.name} | ${least.join(" | ")} | ${bestRatio(each).toFixed(2)} × | ${median(ratios).toFixed(2)} × | ${shown} |`;
    });
    const report = `# Training in two processes over Gloo, ${today}

\`npx tsx bench/data-parallel.ts ${rounds}\`, ${cpus()[0]?.model.trim()} (${cpus().length} threads), Node ${process.version}. Load at the end ${loadavg()[0]?.toFixed(1)}.
12 layers of 6 heads of 72, float32, 256 tokens a picture, captions of ${await captionTokens()} tokens, ${BATCH} pictures a step in all, AdamW fused. Each of two processes has half of the threads, one alone has all. Each run's figure is the median of ${steps - WARM} steps, ${rounds} runs of each side in turns. Ratios above 1 are faster than PyTorch's DDP in two processes.

| here | DDP's best step, s | our best step, s | speed by the best | by the median round | rounds |
|--|--|--|--|--|--|
${rows.join("\n")}
`;
    writeFileSync(here(`results/${today}-data-parallel.md`), report);
    process.stdout.write(report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === here("data-parallel.ts")) await main();
