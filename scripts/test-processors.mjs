// Runs the numeric tests and a short demo as other processors would compute them: libraries choose their kernels by the
// processor, and environment variables make them choose those of lesser ones. docs/numerics.md says what must be equal then.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Kernels round otherwise where memory is not aligned: on AMD processors, and here with MKL's oldest kernels. */
const MISALIGNED = { PIXART_MISALIGN: "1" };
const OLDEST_MKL = { MKL_ENABLE_INSTRUCTIONS: "SSE4_2" };

/** By name; those of the short half come first. */
const SETTINGS = [
  ["misaligned weights, MKL at SSE4.2", { ...MISALIGNED, ...OLDEST_MKL }, "short"],
  [
    "ATen at AVX2, oneDNN at AVX2",
    { ATEN_CPU_CAPABILITY: "avx2", ONEDNN_MAX_CPU_ISA: "AVX2" },
    "short",
  ],
  ["as it comes", {}],
  ["misaligned weights", MISALIGNED],
  ["MKL at AVX2", { MKL_ENABLE_INSTRUCTIONS: "AVX2" }],
  ["MKL at SSE4.2", OLDEST_MKL],
  ["MKL reproducible at AVX2", { MKL_CBWR: "AVX2" }],
  ["MKL reproducible everywhere", { MKL_CBWR: "COMPATIBLE" }],
  ["ATen without vector instructions", { ATEN_CPU_CAPABILITY: "default" }],
  ["ATen at AVX2", { ATEN_CPU_CAPABILITY: "avx2" }],
  ["oneDNN at AVX2", { ONEDNN_MAX_CPU_ISA: "AVX2" }],
  ["oneDNN at AVX-512 without AMX and bfloat16", { ONEDNN_MAX_CPU_ISA: "AVX512_CORE" }],
  ["one thread", { OMP_NUM_THREADS: "1" }],
  ["all products by oneDNN", { PIXART_PRODUCTS: "onednn" }],
];

/** The tests that compare numbers, pictures or files of weights. */
const SHORT = [
  "src/torch/fused.test.ts",
  "test/integration/text-encoder-adapter.test.ts",
  "test/parity/published.test.ts",
  "src/models/pixart/transformer.test.ts",
  "src/models/autoencoder-kl",
];
const FULL = [
  "src/torch",
  "src/nn",
  "src/optim",
  "src/schedulers",
  "src/models",
  "src/pipelines",
  "src/training/objectives",
  "test/random",
  "test/faults/resume-every-step.test.ts",
  "test/distributed/data-parallel.test.ts",
  "test/parity/adapters.test.ts",
  "test/parity/autoencoder-kl.test.ts",
  "test/parity/autoencoder-tiny.test.ts",
  "test/parity/controlnet.test.ts",
  "test/parity/controlnet-pipeline.test.ts",
  "test/parity/controlnet-training.test.ts",
  "test/parity/dit.test.ts",
  "test/parity/finetune.test.ts",
  "test/parity/latent-consistency.test.ts",
  "test/parity/objectives.test.ts",
  "test/parity/optimizers.test.ts",
  "test/parity/pipeline.test.ts",
  "test/parity/pixart.test.ts",
  "test/parity/pixart-kv-compression.test.ts",
  "test/parity/published.test.ts",
  "test/parity/resize.test.ts",
  "test/parity/schedulers.test.ts",
  "test/parity/schedulers-paper.test.ts",
  "test/parity/t5.test.ts",
  "test/parity/training.test.ts",
  "test/parity/training-noise.test.ts",
  "test/integration/best-checkpoint.test.ts",
  "test/integration/consistency.test.ts",
  "test/integration/controlnet-training.test.ts",
  "test/integration/dreambooth.test.ts",
  "test/integration/extracted-features.test.ts",
  "test/integration/precompute.test.ts",
  "test/integration/resume.test.ts",
  "test/integration/text-encoder-adapter.test.ts",
];
const isShort = process.argv[2] === "short";
const wanted = process.argv.slice(isShort ? 3 : 2);
const settings = SETTINGS.filter(
  ([name, , half]) =>
    (!isShort || half === "short") && (wanted.length === 0 || wanted.includes(name)),
);
if (settings.length === 0) {
  console.error(
    `Expected some of these settings:\n${SETTINGS.map(([name]) => `  ${name}`).join("\n")}`,
  );
  process.exit(2);
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), "pixart-processors-"));
const rows = [];
for (const [i, [name, variables]] of settings.entries()) {
  const run = (command, ...args) => {
    const start = performance.now();
    const { status } = spawnSync(command, args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, ...variables },
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    return `${status === 0 ? "passed" : `FAILED (${status})`} in ${seconds} s`;
  };
  const shown = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  console.log(`\n== ${name}: ${shown.join(" ") || "no variables"}`);
  const tests = run("npx", "vitest", "run", "--reporter=dot", ...(isShort ? SHORT : FULL));
  const folder = path.join(work, String(i));
  const demo = run(
    process.execPath,
    "dist/bundle/main.js",
    "demo",
    "--quick",
    "--work-dir",
    folder,
  );
  rows.push({ name, tests, demo });
}
fs.rmSync(work, { recursive: true });
console.log(`\nOn ${os.cpus()[0]?.model ?? "an unknown processor"}:`);
for (const { name, tests, demo } of rows) console.log(`  ${name}: tests ${tests}, demo ${demo}`);
process.exitCode = rows.some((row) => /FAILED/.test(row.tests + row.demo)) ? 1 : 0;
