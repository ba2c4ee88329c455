/**
 * The released models at full size with random weights, here and in Python: time, peak memory, error. Every measurement is a
 * process of its own, both sides in turns. Usage: npx tsx bench/full-size.ts SECTION [rounds]; SECTION is one of those below.
 * Writes bench/results/<date>-full-size-<section>.md. Models are made in the temporary folder and removed afterwards: t5 needs
 * 10 GB of disk and 12 GB of memory, the others 5 GB of each at most. Linux only: peaks are read from /proc.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DType } from "../src/torch/index.ts";
import type { SideRequest, SideResult } from "./full-size-side.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const python = process.env.PIXART_PYTHON ?? here("../.pixart/python/bin/python");
const threads = cpus().length;
const [section = "", roundsText = "2"] = process.argv.slice(2);
const rounds = Number(roundsText);
const folder = mkdtempSync(join(tmpdir(), "pixart-full-size-"));

type PythonResult = Pick<SideResult, "load" | "first" | "run" | "peak">;

function runPython<T>(action: string, given: Readonly<Record<string, unknown>> = {}): T {
  const out = execFileSync(python, [here("full-size.py")], {
    input: JSON.stringify({ action, folder, threads, given }),
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1", TRANSFORMERS_VERBOSITY: "error" },
  });
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as T;
}

function runOurs(request: Omit<SideRequest, "folder" | "threads">): SideResult {
  const out = execFileSync(
    process.execPath,
    ["--import", "tsx", here("full-size-side.ts"), JSON.stringify({ ...request, folder, threads })],
    { encoding: "utf8" },
  );
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as SideResult;
}

const rows: string[][] = [];
const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);
const loads: number[] = [];

function addRow(what: string, result: PythonResult & Partial<SideResult>, base?: number): void {
  const { load, first, run, peak, errors = {} } = result;
  const ratio = base === undefined ? "" : `${(base / run).toFixed(2)} ×`;
  const shown = Object.entries(errors).map(
    ([name, error]) => `${error.toExponential(1)} (${name})`,
  );
  const row = [
    what,
    load.toFixed(1),
    first.toFixed(2),
    run.toFixed(2),
    ratio,
    gigabytes(peak),
    shown.join(", "),
  ];
  rows.push(row);
  loads.push(loadavg()[0] ?? 0);
  process.stderr.write(`${row.join(" | ")}\n`);
}

const weightBytes = (): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".safetensors") && name !== "io.safetensors")
    .filter((name) => !name.startsWith("output-"))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

const outputPath = (name: string): string => join(folder, `output-${name}.safetensors`);

/** Python's run of a model, as the reference of those that follow it. */
function pythonRow(action: string, what: string, dtype: DType): PythonResult {
  const output = outputPath(dtype);
  const result = runPython<PythonResult>(action, { dtype, rounds, output });
  addRow(what, result);
  return result;
}

const against = (...dtypes: DType[]): Record<string, string> =>
  Object.fromEntries(dtypes.map((dtype) => [`Python ${dtype}`, outputPath(dtype)]));

const notes: string[] = [];

function t5(layers: number, dtype: "bfloat16" | "float32"): void {
  const model = "t5";
  runPython("make t5", { layers, dtype });
  const bytes = weightBytes();
  notes.push(`${layers} layers, ${dtype}, weights of ${gigabytes(bytes)} GB.`);
  const references = against(dtype);
  const theirs = pythonRow("t5", `transformers, ${dtype}, 120 tokens`, dtype);
  const ours = { model, dtype: "auto", rounds, references } as const;
  const output = outputPath("ours");
  const padded = runOurs({ ...ours, output });
  addRow(`here, ${dtype}, the same 120 tokens`, padded, theirs.run);
  const both = { ...references, "here, 120 tokens": output };
  const trimmed = runOurs({ ...ours, trims: true, references: both });
  addRow(`here, ${dtype}, its 17 real tokens`, trimmed, theirs.run);
  notes.push(
    `Peak here ÷ weights: ${(padded.peak / bytes).toFixed(3)} (120 tokens), ${(trimmed.peak / bytes).toFixed(3)} (17 tokens), in transformers ${(theirs.peak / bytes).toFixed(3)}. At the end ${gigabytes(trimmed.filePages)} GB of the resident memory were pages of the weight files, which the system can drop and read again, and ${gigabytes(trimmed.ownPages)} GB the process's own.`,
  );
  const int8 = { ...ours, dtype: "float32", quantize: "int8" } as const;
  const small = runOurs({ ...int8, trims: true });
  addRow("here, int8 weights, 17 real tokens", small, theirs.run);
  addRow("here, int8 weights, 120 tokens", runOurs(int8), theirs.run);
  notes.push(
    `With int8 weights the process's own memory at the end was ${gigabytes(small.ownPages)} GB; its peak counts the pages of the files that it was reading too.`,
  );
  if (dtype === "bfloat16") return;
  const half = pythonRow("t5", "transformers, bfloat16, 120 tokens", "bfloat16");
  const rounded = { ...ours, dtype: "bfloat16", references: against("bfloat16", dtype) } as const;
  addRow("here, bfloat16, 17 real tokens", runOurs({ ...rounded, trims: true }), half.run);
  const own = errorBetween("bfloat16", dtype).toExponential(1);
  notes.push(`transformers' own bfloat16 is ${own} from its float32, at the real tokens.`);
}

function transformer(size: 32 | 128): void {
  const model = "transformer";
  runPython("make transformer", { size });
  notes.push(
    `One picture of ${size * 8} px, caption of 120 tokens of which 17 are real, float32 weights of ${gigabytes(weightBytes())} GB.`,
  );
  const exact = pythonRow("transformer", "diffusers, float32", "float32");
  const ours = { model, rounds, references: against("float32") } as const;
  addRow("here, float32", runOurs({ ...ours, dtype: "float32" }), exact.run);
  addRow(
    "here, float32, real tokens",
    runOurs({ ...ours, dtype: "float32", trims: true }),
    exact.run,
  );
  const int8 = { ...ours, dtype: "float32", quantize: "int8", trims: true } as const;
  addRow("here, int8 weights, real tokens", runOurs(int8), exact.run);
  const half = pythonRow("transformer", "diffusers, bfloat16", "bfloat16");
  const rounded = {
    ...ours,
    dtype: "bfloat16",
    references: against("bfloat16", "float32"),
  } as const;
  addRow("here, bfloat16", runOurs(rounded), half.run);
  const own = errorBetween("bfloat16", "float32").toExponential(1);
  notes.push(`diffusers' own bfloat16 is ${own} from its float32.`);
}

function vae(): void {
  runPython("make vae");
  notes.push(
    `Latents of 64 × 64 to a picture of 512 px, weights of ${gigabytes(weightBytes())} GB.`,
  );
  for (const dtype of ["float32", "bfloat16"] as const) {
    const theirs = pythonRow("vae", `diffusers, ${dtype}`, dtype);
    const references = against(dtype);
    addRow(`here, ${dtype}`, runOurs({ model: "vae", dtype, rounds, references }), theirs.run);
  }
}

/** ‖a − b‖ / ‖b‖ of two outputs of Python; of T5's states those of the real tokens. */
function errorBetween(a: DType, b: DType): number {
  const code =
    "import sys; from safetensors.torch import load_file as f; a, b = [f(p)['output'].double() for p in sys.argv[1:]]; a, b = [x[:, :17] if x.dim() == 3 else x for x in (a, b)]; print(((a - b).norm() / b.norm()).item())";
  return Number(
    execFileSync(python, ["-c", code, outputPath(a), outputPath(b)], { encoding: "utf8" }),
  );
}

const sections: Readonly<Record<string, readonly [title: string, measure: () => void]>> = {
  t5: ["T5-XXL's encoder", () => t5(24, "bfloat16")],
  "t5-float32": ["Two layers of T5-XXL's encoder in float32", () => t5(2, "float32")],
  "transformer-256": ["PixArt-XL/2 at 256 px", () => transformer(32)],
  "transformer-1024": ["PixArt-XL/2 at 1024 px", () => transformer(128)],
  vae: ["AutoencoderKL decodes 512 px", vae],
};

const chosen = sections[section];
if (chosen === undefined || !(rounds >= 1)) {
  throw new Error(
    `Expected one of ${Object.keys(sections).join(", ")}, and perhaps a number of rounds, but received ${process.argv.slice(2).join(" ")}`,
  );
}
const [title, measure] = chosen;
try {
  measure();
  const versions = runPython<Record<string, string>>("versions");
  const uses = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const memory =
    Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) / 2 ** 20;
  const date = new Date().toISOString().slice(0, 10);
  const report = [
    `# ${title}, ${date}`,
    "",
    `\`npx tsx bench/full-size.ts ${section} ${rounds}\`, ${cpus()[0]?.model.trim()} (${threads} threads), ${memory.toFixed(1)} GiB, Node ${process.version}, ${uses.join(", ")}.`,
    `Other programs ran too: load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, of which this takes ${threads}. Each row is a process of its own with ${rounds} runs; ratios are best run to best run, to Python's row above, and above 1 this is faster. What is loaded here in the stored dtype is read at the first run.`,
    ...notes,
    "",
    "| | load, s | first run, s | best run, s | against Python | peak resident, GB | ‖difference‖ ÷ ‖reference‖ |",
    "|--|--|--|--|--|--|--|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
  writeFileSync(here(`results/${date}-full-size-${section}.md`), report);
  process.stdout.write(report);
} finally {
  rmSync(folder, { recursive: true });
}
