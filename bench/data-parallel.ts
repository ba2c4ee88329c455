/**
 * How long a training step takes in two processes over Gloo: `pixart train --gpus 2` and PyTorch's DistributedDataParallel, a
 * PixArt transformer of 47 M weights, both sides in turns; and one process with the whole batch for scaling. Usage:
 * npx tsx bench/data-parallel.ts [rounds]. Writes bench/results/<date>-data-parallel.md.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../src/distributed/free-port.ts";
import { prepareCaption, T5Tokenizer } from "../src/text/index.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const python = process.env.PIXART_PYTHON ?? here("../.pixart/python/bin/python");
const base = here("../models/emoji-demo");
const [roundsText = "3"] = process.argv.slice(2);
const [PROCESSES, BATCH, STEPS] = [2, 4, 22];
const CAPTION = "a small drawing of a thing on a white background";
const folder = mkdtempSync(join(tmpdir(), "pixart-data-parallel-"));
const data = join(folder, "data");
const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

/** Settled steps: the first two warm up. */
const settled = (seconds: readonly number[]): number => median(seconds.slice(2));

interface StepEvent {
  readonly type: string;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Seconds of a step of `pixart train`. */
function ours(processes: number, batch: number): number {
  const run = join(folder, "run");
  rmSync(run, { recursive: true, force: true });
  const from = (subfolder: string): string =>
    JSON.stringify({
      pretrained: base,
      subfolder,
      ...(subfolder === "tokenizer" && { maxLength: 64 }),
    });
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    `{"autoencoder": ${from("vae")}, "tokenizer": ${from("tokenizer")}, "textEncoder": ${from("text_encoder")},
      "transformer": {"numLayers": 12, "numAttentionHeads": 6, "attentionHeadDim": 72, "useAdditionalConditions": false},
      "dataset": {"folder": ${JSON.stringify(data)}, "cache": {"folder": ${JSON.stringify(join(folder, "cache"))}}},
      "threads": ${cpus().length / processes},
      "stages": [{"kind": "text-to-image", "name": "bench", "resolution": 128, "batchSize": ${batch}, "steps": ${STEPS},
        "optimizer": {"lr": 1e-4, "weightDecay": 0.03}, "ema": null, "sampleEvery": null, "spikes": null}],
      "sampling": {"prompts": ["a fox"], "steps": 1}}`,
  );
  const flags = ["--work-dir", run, "--no-rehearsal", "--gpus", `${processes}`];
  execFileSync(
    process.execPath,
    ["--import", "tsx", here("../src/cli/main.ts"), "train", config, ...flags],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const events = readFileSync(join(run, "events.jsonl"), "utf8").trimEnd().split("\n");
  const steps = events
    .map((line) => JSON.parse(line) as StepEvent)
    .filter(({ type }) => type === "step");
  return settled(
    steps.map(({ seconds }) => Object.values(seconds).reduce((sum, part) => sum + part, 0)),
  );
}

/** The same of PyTorch's DDP. */
async function theirs(tokens: number): Promise<{ seconds: number; weights: number }> {
  const request = {
    processes: PROCESSES,
    port: await freePort(),
    steps: STEPS,
    batch: BATCH / PROCESSES,
    tokens,
    shape: {
      num_layers: 12,
      num_attention_heads: 6,
      attention_head_dim: 72,
      cross_attention_dim: 432,
      caption_channels: 128,
      sample_size: 32,
      in_channels: 4,
      out_channels: 8,
      use_additional_conditions: false,
    },
  };
  const out = execFileSync(python, [here("data-parallel.py")], {
    input: JSON.stringify(request),
    encoding: "utf8",
    env: { ...process.env, OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const made = JSON.parse(out.trim()) as { seconds: number[]; weights: number };
  return { seconds: settled(made.seconds), weights: made.weights };
}

try {
  execFileSync(
    process.execPath,
    [
      "--import",
      "tsx",
      here("../src/cli/main.ts"),
      "dataset",
      "emoji",
      data,
      "--size",
      "128",
      "--style",
      "noto",
      "--limit",
      "16",
    ],
    { stdio: "ignore" },
  );
  const list = join(data, "metadata.jsonl");
  const names = readFileSync(list, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { file_name: string }).file_name);
  writeFileSync(
    list,
    names.map((name) => `${JSON.stringify({ file_name: name, text: CAPTION })}\n`).join(""),
  );
  const tokenizer = await T5Tokenizer.fromPretrained(base, { subfolder: "tokenizer" });
  const tokens = tokenizer.encode([prepareCaption(CAPTION)], {
    maxLength: 64,
    padding: "longest",
    truncation: true,
  }).inputIds.length;
  const [ddp, two, one]: [number[], number[], number[]] = [[], [], []];
  const loads: number[] = [];
  let weights = 0;
  ours(1, BATCH); // fills the feature cache
  for (let round = 0; round < Number(roundsText); round++) {
    const made = await theirs(tokens);
    ddp.push(made.seconds);
    weights = made.weights;
    two.push(ours(PROCESSES, BATCH / PROCESSES));
    one.push(ours(1, BATCH));
    loads.push(loadavg()[0] ?? 0);
    process.stderr.write(`${ddp.at(-1)} ${two.at(-1)} ${one.at(-1)}\n`);
  }
  const today = new Date().toISOString().slice(0, 10);
  const best = (runs: readonly number[]): number => Math.min(...runs);
  /** The ratio of each round, whose sides ran one after the other: the machine's mood changes less within it. */
  const ratios = (runs: readonly number[]): number[] => runs.map((run, i) => (ddp[i] ?? 0) / run);
  const row = (name: string, runs: readonly number[]): string =>
    `| ${name} | ${best(runs).toFixed(3)} | ${(best(ddp) / best(runs)).toFixed(2)} × | ${median(ratios(runs)).toFixed(2)} × | ${ratios(
      runs,
    )
      .map((ratio) => ratio.toFixed(2))
      .join(", ")} |`;
  const report = `# Training in two processes over Gloo, ${today}

\`npx tsx bench/data-parallel.ts ${roundsText}\`, ${cpus()[0]?.model.trim()} (${cpus().length} threads), Node ${process.version}. Load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, of which this takes ${cpus().length}.
${(weights / 1e6).toFixed(1)} M weights, float32, 256 tokens a picture, captions of ${tokens} tokens, ${BATCH} pictures a step in all, AdamW fused. Each process has ${cpus().length / PROCESSES} thread; the one process has all. Each run's figure is the median of ${STEPS - 2} steps, ${roundsText} runs of each side in turns. Ratios above 1 are faster than PyTorch's DDP.

| | best step, s | speed by the best | by the median round | rounds |
|--|--|--|--|--|
${row("PyTorch, DistributedDataParallel, 2 processes", ddp)}
${row("here, pixart train --gpus 2", two)}
${row("here, one process with the whole batch", one)}
`;
  writeFileSync(here(`results/${today}-data-parallel.md`), report);
  process.stdout.write(report);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
