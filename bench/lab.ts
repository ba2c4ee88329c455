/**
 * The paper's three designs in miniature, each left out in turn at equal counted operations: npx tsx bench/lab.ts [options], then
 * npx tsx bench/lab.ts --report [--out FOLDER]. A lab that was stopped goes on with the same command.
 * --out FOLDER        work_dirs/lab
 * --data FOLDER       what `pixart dataset emoji` made: data/emoji
 * --vae FOLDER        the autoencoder of all runs: models/emoji-vae
 * --budget TFLOP      a run: 80
 * --things N          how many things are learned, or demo: 320
 * --lr RATE           1e-3
 * --points N          how often a run is measured, at equal distances: 20, or a divisor of it
 * --precision TYPE    bfloat16 where the processor has it, else float32
 * --arms A,B          FULL, A1, A1-groups, A2, B1, B2, C1, C2 and the controls shuffled and repeat; all unless given
 * --seeds 0,1,2       controls have the first alone
 * --jobs N            runs side by side, a thread each: 2
 * --to FOLDER         with --report: where efficiency.md and its pictures lie: docs
 * --results FOLDER    with --report: where what all runs came to is kept as JSON: bench/results
 */
import { parseArgs } from "node:util";
import { ARMS, CONTROLS } from "./lab/arms.ts";
import { Children, type Wanted } from "./lab/children.ts";
import { designNamed } from "./lab/designs.ts";
import { keepOptions } from "./lab/options.ts";
import { prepare } from "./lab/prepare.ts";
import { writeReport } from "./lab/report.ts";
import { RunFiles } from "./lab/run-files.ts";
import { hasBfloat16 } from "./machine.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "work_dirs/lab" },
    data: { type: "string", default: "data/emoji" },
    vae: { type: "string", default: "models/emoji-vae" },
    budget: { type: "string", default: "80" },
    things: { type: "string", default: "320" },
    lr: { type: "string", default: "1e-3" },
    points: { type: "string", default: "20" },
    precision: { type: "string", default: hasBfloat16 ? "bfloat16" : "float32" },
    arms: { type: "string", default: [...ARMS, ...CONTROLS].map(({ name }) => name).join(",") },
    seeds: { type: "string", default: "0,1,2" },
    jobs: { type: "string", default: "2" },
    report: { type: "boolean", default: false },
    to: { type: "string", default: "docs" },
    results: { type: "string", default: "bench/results" },
  },
});

function positive(name: "budget" | "lr" | "jobs" | "things" | "points"): number {
  const value = Number(values[name]);
  if (value > 0) return value;
  throw new Error(`Expected a number above 0 for --${name} but received ${values[name]}`);
}

function precision(): "float32" | "bfloat16" {
  const { precision: type } = values;
  if (type === "float32" || type === "bfloat16") return type;
  throw new Error(`Expected float32 or bfloat16 for --precision but received ${type}`);
}

/** All arms with the first seed before any with the second: what is there is always comparable. */
function wantedRuns(): Wanted[] {
  const designs = values.arms.split(",").map(designNamed);
  const seeds = values.seeds.split(",").map(Number);
  return seeds.flatMap((seed, i) =>
    designs
      .filter((design) => i === 0 || !CONTROLS.includes(design))
      .map(({ name }) => ({ design: name, seed })),
  );
}

async function runAll(folder: string): Promise<void> {
  const { data, vae, things } = values;
  const options = {
    data,
    vae,
    things: things === "demo" ? things : positive("things"),
    budget: positive("budget"),
    lr: positive("lr"),
    precision: precision(),
    threads: 1,
    points: positive("points"),
    split: "heldout",
    features: null,
  } as const;
  keepOptions(folder, options);
  await prepare(folder, options);
  const open = wantedRuns().filter(
    ({ design, seed }) => new RunFiles(folder, design, seed).result === undefined,
  );
  const failed = await new Children(folder, options.threads).run(open, positive("jobs"));
  for (const { design, seed } of failed)
    process.stderr.write(`Not done: ${design}, seed ${seed}; see ${folder}/logs\n`);
  if (failed.length > 0) process.exitCode = 1;
}

if (values.report) {
  const places = { documents: values.to, results: values.results };
  process.stdout.write(await writeReport(values.out, places));
} else await runAll(values.out);
