/**
 * What does one operator cost from TypeScript, and what from Python? Both sides in turns, several rounds, one thread
 * each, the best round of each. Usage: npx tsx bench/per-op.ts [rounds]; writes bench/results/<date>-per-op.md.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import * as torch from "../src/torch/index.ts";

type Row = Record<string, number>;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const python = process.env.PIXART_PYTHON ?? here("../.pixart/python/bin/python");
const rounds = Number(process.argv[2] ?? 5);

torch.setThreads(1);
const one = torch.tensor([1]);
const tracked = torch.tensor([1]).requiresGrad_();
const x = torch.randn([1, 64]);
const w = torch.randn([64, 64]);
const b = torch.randn([64]);

/** Microseconds a call: the best of seven. Tensors are freed as user code frees them, by the scope round the loop. */
function best(call: () => torch.Tensor, number: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 7; repeat++) {
    const start = performance.now();
    for (let done = 0; done < number; done += 1000) {
      torch.tidy(() => {
        for (let i = 0; i < 1000; i++) call();
      });
    }
    least = Math.min(least, ((performance.now() - start) * 1000) / number);
  }
  return least;
}

function chain(start: torch.Tensor): torch.Tensor {
  return torch.tidy(() => {
    let y = start;
    for (let i = 0; i < 1000; i++) y = y.add(one);
    return y;
  });
}

function bestChain(start: torch.Tensor): number {
  let least = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 140; repeat++) {
    const begin = performance.now();
    chain(start).dispose();
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

const ours = (): Row => ({
  ...torch.noGrad(() => ({
    "add of one element": best(() => one.add(one), 20000),
    "linear 64x64": best(() => torch.functional.linear(x, w, b), 20000),
    "chain of 1,000 adds, no grad": bestChain(one),
  })),
  "add of one element, grad": best(() => tracked.add(one), 20000),
  "chain of 1,000 adds, grad": bestChain(tracked),
});

const theirs = (): Row =>
  JSON.parse(execFileSync(python, [here("per-op.py")], { encoding: "utf8" })) as Row;

const merge = (rows: readonly Row[]): Row =>
  Object.fromEntries(
    Object.keys(rows[0] ?? {}).map((key) => [
      key,
      Math.min(...rows.map((row) => row[key] ?? Number.NaN)),
    ]),
  );

const mine: Row[] = [];
const pythons: Row[] = [];
for (let round = 0; round < rounds; round++) {
  mine.push(ours());
  pythons.push(theirs());
}
const a = merge(mine);
const p = merge(pythons);
const date = new Date().toISOString().slice(0, 10);
const table = Object.keys(a).map((key) => {
  const ratio = (a[key] ?? 0) / (p[key] ?? 1);
  return `| ${key} | ${a[key]?.toFixed(2)} | ${p[key]?.toFixed(2)} | ${ratio.toFixed(2)} |`;
});
const report = [
  `# One operator from TypeScript and from Python, ${date}`,
  "",
  `\`npx tsx bench/per-op.ts ${rounds}\`, ${cpus()[0]?.model.trim()} (${cpus().length} threads seen), Node ${process.version}, libtorch ${torch.engineInfo().libtorch}, one thread each, load ${loadavg()[0]?.toFixed(1)}.`,
  "Microseconds an operator: the best of all rounds, both sides in turns. Below 1.00 TypeScript is faster.",
  "",
  "| | TypeScript | Python | ratio |",
  "|--|--|--|--|",
  ...table,
  "",
].join("\n");
writeFileSync(here(`results/${date}-per-op.md`), report);
process.stdout.write(report);
