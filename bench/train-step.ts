/**
 * How long a training step of PixArt-XL/2 takes and how much memory, here and in PyTorch's own loop: the Pokémon recipe at
 * 256 px with cached features, random weights. Every measurement is a process of its own, both sides in turns; here it is
 * `pixart train` itself, samples and checkpoint included in its peak. One run is stopped by a signal and resumed, and must end as
 * the straight one. Usage: npx tsx bench/train-step.ts [rounds [float32]]. Writes bench/results/<date>-train-step.md, but for a
 * single kind, whose rows it prints. Needs 30 GB of
 * disk in the temporary folder and 24 GB of memory. Linux only: peaks are read from /proc.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareCaption, T5Tokenizer } from "../src/text/index.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const python = process.env.PIXART_PYTHON ?? here("../.pixart/python/bin/python");
const threads = cpus().length;
const [roundsText = "2", only] = process.argv.slice(2);
const [STEPS, BATCH] = [4, 2];
/** Of every picture, so that both sides attend to equally many tokens. */
const CAPTION = "a small drawing of a thing on a white background";
const tokenizer = here("../models/emoji-demo/tokenizer");
const folder = mkdtempSync(join(tmpdir(), "pixart-train-step-"));
const base = join(folder, "base");
const data = join(folder, "data");
const cache = join(folder, "cache");

interface Measured {
  readonly seconds: readonly number[];
  readonly losses: readonly number[];
  readonly peak: number;
}

function runPython<T>(action: string, given: Readonly<Record<string, unknown>>): T {
  const out = execFileSync(python, [here("train-step.py")], {
    input: JSON.stringify({ action, threads, given }),
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as T;
}

const command = (...args: readonly string[]): string[] => [
  "--import",
  "tsx",
  here("../src/cli/main.ts"),
  ...args,
];

/** Peak resident memory of a process so far. */
function peakOf(pid: number | undefined): number {
  const path = `/proc/${pid}/status`;
  const line = existsSync(path) ? /VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8")) : null;
  return Number(line?.[1] ?? 0) * 1024;
}

interface StepEvent {
  readonly type: string;
  readonly loss: number;
  readonly seconds: Readonly<Record<string, number>>;
}

function stepsOf(run: string): StepEvent[] {
  const path = join(run, "events.jsonl");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as StepEvent).filter(({ type }) => type === "step");
}

interface Variant {
  readonly bfloat16: boolean;
  readonly checkpointing: boolean;
  /** Encoders in every step in place of cached features. */
  readonly online?: boolean;
}

/** `pixart train`; with `stopAfter` it is asked to stop after so many steps. */
async function train(
  run: string,
  { bfloat16, checkpointing, online = false }: Variant,
  { resume = false, stopAfter }: { resume?: boolean; stopAfter?: number } = {},
): Promise<Measured> {
  const options = [
    `base=${base}`,
    `autoencoder.pretrained=${base}`,
    "autoencoder.subfolder=vae",
    `dataset.folder=${data}`,
    `dataset.cache.folder=${cache}`,
    `dataset.cache.latents=${!online}`,
    `dataset.cache.texts=${!online}`,
    `threads=${threads}`,
    "stages.0.resolution=256",
    `stages.0.batchSize=${BATCH}`,
    `stages.0.steps=${STEPS}`,
    `stages.0.precision=${bfloat16 ? "bfloat16" : "float32"}`,
    `stages.0.gradientCheckpointing=${checkpointing}`,
    "stages.0.keepCheckpoints=1",
    "stages.0.sampleEvery=null",
    "sampling.prompts=[a fox]",
    "sampling.steps=1",
  ];
  const args = ["train", "pixart_alpha_1024_pokemon_blip", "--work-dir", run, "--no-rehearsal"];
  const child = spawn(
    process.execPath,
    command(...args, ...(resume ? ["--resume"] : []), "--cfg-options", ...options),
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
    if (stopAfter !== undefined && stepsOf(run).length >= stopAfter) child.kill("SIGTERM");
  }, 100);
  await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { ...measured(run), peak };
}

/** What a run's events tell. */
function measured(run: string): Omit<Measured, "peak"> {
  const steps = stepsOf(run);
  return {
    seconds: steps.map((s) => Object.values(s.seconds).reduce((sum, part) => sum + part, 0)),
    losses: steps.map(({ loss }) => loss),
  };
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);
const best = (runs: readonly Pick<Measured, "seconds">[]): number =>
  Math.min(...runs.flatMap(({ seconds }) => seconds.slice(1)));
const rows: string[] = [];
const loads: number[] = [];

async function compare(name: string, tokens: number, variant: Variant): Promise<void> {
  const [mine, theirs]: [Measured[], Measured[]] = [[], []];
  const run = join(folder, "run");
  for (let round = 0; round < Number(roundsText); round++) {
    const given = { folder: base, steps: STEPS, batch: BATCH, tokens, ...variant };
    theirs.push(runPython<Measured>("run", given));
    rmSync(run, { recursive: true, force: true });
    mine.push(await train(run, variant));
    loads.push(loadavg()[0] ?? 0);
    for (const side of [theirs, mine]) process.stderr.write(`${JSON.stringify(side.at(-1))}\n`);
  }
  const peak = (runs: readonly Measured[]): number => Math.min(...runs.map((each) => each.peak));
  for (const [side, runs] of [
    ["PyTorch, diffusers", theirs],
    ["here, pixart train", mine],
  ] as const) {
    const rounds = mine.map((each, i) => best(theirs.slice(i, i + 1)) / best([each]));
    const ratio = side.startsWith("here")
      ? `${(best(theirs) / best(mine)).toFixed(2)} × | ${rounds.map((each) => each.toFixed(2)).join(", ")} | ${(peak(theirs) / peak(mine)).toFixed(2)} ×`
      : " | | ";
    rows.push(
      `| ${side}, ${name} | ${best(runs).toFixed(2)} | ${gigabytes(peak(runs))} | ${ratio} |`,
    );
    process.stderr.write(`${rows.at(-1)}\n`);
  }
}

/** Pictures that all have {@link CAPTION}; returns its tokens. */
async function makeData(): Promise<number> {
  execFileSync(
    process.execPath,
    command("dataset", "emoji", data, "--size", "256", "--style", "noto", "--limit", "8"),
    { stdio: "ignore" },
  );
  const list = join(data, "metadata.jsonl");
  const lines = readFileSync(list, "utf8").trimEnd().split("\n");
  const names = lines.map((line) => (JSON.parse(line) as { file_name: string }).file_name);
  const told = names.map((name) => `${JSON.stringify({ file_name: name, text: CAPTION })}\n`);
  writeFileSync(list, told.join(""));
  const encoded = (await T5Tokenizer.fromPretrained(tokenizer)).encode([prepareCaption(CAPTION)], {
    maxLength: 120,
    padding: "longest",
    truncation: true,
  });
  return encoded.inputIds.length;
}

/** The recipe beside PyTorch's; encoders in every step; a run that is stopped and resumed; and the report of all. */
async function measureRecipe(tokens: number, recipe: Variant): Promise<void> {
  await compare("bfloat16, gradient checkpointing (the recipe)", tokens, recipe);
  const [straight, broken] = [join(folder, "run"), join(folder, "broken")];
  const warm = measured(straight);
  const straightLosses = stepsOf(straight).map(({ loss }) => loss);
  const online = await train(join(folder, "online"), { ...recipe, online: true });
  rmSync(join(folder, "online"), { recursive: true });
  const isSame = online.losses.every((loss, i) => loss === straightLosses[i]);
  await train(broken, recipe, { stopAfter: 1 });
  const resumed = await train(broken, recipe, { resume: true });
  const isEqual = straightLosses.every((loss, i) => loss === resumed.losses[i]);
  const today = new Date().toISOString().slice(0, 10);
  const report = `# A training step of PixArt-XL/2, ${today}

\`npx tsx bench/train-step.ts ${roundsText}\`, ${cpus()[0]?.model.trim()} (${threads} threads), ${(totalmem() / 2 ** 30).toFixed(1)} GiB, Node ${process.version}. Load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, of which this takes ${threads}.
256 px, batch ${BATCH}, captions of ${tokens} tokens, AdamW fused, 611 M weights in float32, random. Each row is the best of ${roundsText} runs of ${STEPS} steps, the first step left out; peaks are the smaller of the runs'. Ratios above 1 are faster, or smaller, than PyTorch. What is here also reads data, draws a sample and saves a checkpoint of 7.3 GB: its peak holds those, PyTorch's loop does none of them.

| | step, s | peak resident, GB | speed | of each round | memory |
|--|--|--|--|--|--|
${rows.join("\n")}

Encoders in every step (the autoencoder at full size; of T5-XXL one block of 24) take ${best([online]).toFixed(2)} s a step where cached features take ${best([warm]).toFixed(2)} s, ${(best([online]) / best([warm])).toFixed(2)} × as long; their losses are ${isSame ? "equal to the last bit" : "DIFFERENT"}.

Stopped by SIGTERM after one step and resumed: losses of all ${STEPS} steps ${isEqual ? "equal" : "DIFFER FROM"} the straight run's to the last bit (${resumed.losses.join(", ")}); peak of the resumed process ${gigabytes(resumed.peak)} GB.
`;
  writeFileSync(here(`results/${today}-train-step.md`), report);
  process.stdout.write(report);
}

try {
  const tokens = await makeData();
  runPython("make", { folder: base, tokenizer });
  const recipe = { bfloat16: true, checkpointing: true };
  await train(join(folder, "warm"), recipe, { stopAfter: 1 }); // fills the feature cache
  rmSync(join(folder, "warm"), { recursive: true });
  await compare("float32", tokens, { bfloat16: false, checkpointing: false });
  if (only === "float32") process.stdout.write(`${rows.join("\n")}\n`);
  else await measureRecipe(tokens, recipe);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
