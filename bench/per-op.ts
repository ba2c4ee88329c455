/**
 * What does one operator cost from TypeScript, and what from Python? Both sides in turns, several rounds, one thread
 * each, the best round of each. Usage: npx tsx bench/per-op.ts [rounds]; writes bench/results/<date>-per-op.md.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import * as torch from "../src/torch/index.ts";
import { best, bestRatio, type Measured } from "./measure.ts";
import { here, python, runCommand } from "./processes.ts";

/** Microseconds by operator. */
type Costs = Readonly<Record<string, number>>;

torch.setThreads(1);
const one = torch.tensor([1]);
const tracked = torch.tensor([1]).requiresGrad_();
const x = torch.randn([1, 64]);
const w = torch.randn([64, 64]);
const b = torch.randn([64]);

/** Microseconds a call: the best of seven. Tensors are freed as user code frees them, by the scope round the loop. */
function leastCost(call: () => torch.Tensor, number: number): number {
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

function leastChainCost(start: torch.Tensor): number {
  let least = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 140; repeat++) {
    const begin = performance.now();
    chain(start).dispose();
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

const ours = (): Costs => ({
  ...torch.noGrad(() => ({
    "add of one element": leastCost(() => one.add(one), 20000),
    "linear 64x64": leastCost(() => torch.functional.linear(x, w, b), 20000),
    "chain of 1,000 adds, no grad": leastChainCost(one),
  })),
  "add of one element, grad": leastCost(() => tracked.add(one), 20000),
  "chain of 1,000 adds, grad": leastChainCost(tracked),
});

const theirs = async (): Promise<Costs> =>
  JSON.parse((await runCommand(python, [here("per-op.py")])).stdout) as Costs;

/** Each operator as a comparison, in seconds a call. */
export async function measureOperators(rounds: number): Promise<Measured[]> {
  const found: { readonly ours: Costs; readonly theirs: Costs }[] = [];
  for (let round = 0; round < rounds; round++) {
    found.push({ ours: ours(), theirs: await theirs() });
  }
  const runs = (side: "ours" | "theirs", name: string): Measured["ours"] =>
    found.map((round) => ({ seconds: (round[side][name] ?? Number.NaN) / 1e6, peak: 0 }));
  return Object.keys(found[0]?.ours ?? {}).map((name) => ({
    name,
    ours: runs("ours", name),
    theirs: runs("theirs", name),
  }));
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 5);
  const date = new Date().toISOString().slice(0, 10);
  const table = (await measureOperators(rounds)).map((row) => {
    const [mine, pythons] = [row.ours, row.theirs].map((runs) => (best(runs) * 1e6).toFixed(2));
    return `| ${row.name} | ${mine} | ${pythons} | ${(1 / bestRatio(row)).toFixed(2)} |`;
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
}

if (process.argv[1] === here("per-op.ts")) await main();
