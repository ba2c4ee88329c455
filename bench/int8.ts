/**
 * What do products with 8-bit weights cost beside those of floats, with each set of instructions that oneDNN may use? The sets
 * take turns, several rounds; in each, floats and integers take turns, one thread, and the best call of all rounds counts.
 * Usage: npx tsx bench/int8.ts [rounds]; writes bench/results/<date>-int8.md.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { QuantizedLinear } from "../src/nn/index.ts";
import * as torch from "../src/torch/index.ts";

/** Rows, inputs and outputs. */
const products: readonly (readonly [name: string, number, number, number])[] = [
  ["T5-XXL, 20 tokens, attention", 20, 4096, 4096],
  ["T5-XXL, 20 tokens, feed-forward", 20, 4096, 10240],
  ["XL/2 at 256 px with guidance, attention", 512, 1152, 1152],
  ["XL/2 at 256 px with guidance, feed-forward", 512, 1152, 4608],
];
/** `ONEDNN_MAX_CPU_ISA`. DEFAULT is all that the processor has; AVX512_CORE and AVX2 are without VNNI. */
const sets = ["DEFAULT", "AVX2_VNNI", "AVX512_CORE", "AVX2"];
const CALLS = 7;
const CHILD = "--measure";
const here = fileURLToPath(import.meta.url);

/** Least milliseconds of a call in processor time, which a busy machine disturbs less: floats, then integers. */
type Pair = readonly [float: number, int8: number];

function measure(): Pair[] {
  torch.setThreads(1);
  return products.map(([, rows, inputs, outputs]) =>
    torch.noGrad(() =>
      torch.tidy(() => {
        const x = torch.randn([rows, inputs]);
        const weight = torch.randn([outputs, inputs]);
        const layer = new QuantizedLinear(weight);
        const calls = [() => torch.functional.linear(x, weight), () => layer.call(x)];
        const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
        for (let call = 0; call < CALLS; call++) {
          for (const [side, run] of calls.entries()) {
            const start = process.cpuUsage();
            run().dispose();
            const { user, system } = process.cpuUsage(start);
            least[side] = Math.min(least[side] ?? 0, (user + system) / 1000);
          }
        }
        layer.dispose();
        const [float = 0, int8 = 0] = least;
        return [float, int8] as const;
      }),
    ),
  );
}

function report(rounds: number): string {
  const found = new Map<string, Pair[][]>(sets.map((set) => [set, []]));
  for (let round = 0; round < rounds; round++) {
    for (const set of sets) {
      const env = { ...process.env, ONEDNN_MAX_CPU_ISA: set, OMP_NUM_THREADS: "1" };
      const output = execFileSync(process.execPath, [...process.execArgv, here, CHILD], {
        env,
        encoding: "utf8",
      });
      found.get(set)?.push(JSON.parse(output) as Pair[]);
    }
  }
  const rows = products.flatMap(([name], product) =>
    sets.map((set) => {
      const pairs = (found.get(set) ?? []).flatMap((round) => round.slice(product, product + 1));
      const float = Math.min(...pairs.map(([ms]) => ms));
      const int8 = Math.min(...pairs.map(([, ms]) => ms));
      return `| ${name} | ${set} | ${float.toFixed(2)} | ${int8.toFixed(2)} | ${(int8 / float).toFixed(2)} |`;
    }),
  );
  return [
    `# Products with 8-bit weights and with floats, ${new Date().toISOString().slice(0, 10)}`,
    "",
    `\`npx tsx bench/int8.ts ${rounds}\`, ${cpus()[0]?.model.trim()} (${cpus().length} threads seen), Node ${process.version}, libtorch ${torch.engineInfo().libtorch}, one thread, load ${loadavg()[0]?.toFixed(1)}.`,
    `Milliseconds of processor time a call: the best of ${rounds} rounds of ${CALLS} calls, all sides in turns. Below 1.00 the integers are faster.`,
    "The instruction sets limit oneDNN, and so the integers; the floats are MKL's, which uses all that the processor has.",
    "AVX512_CORE and AVX2 have no VNNI: each product is two there, so that sums are exact (src/torch/int8.ts).",
    "",
    "| product | instructions | float32 | int8 | ratio |",
    "|--|--|--|--|--|",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv.includes(CHILD)) {
  process.stdout.write(JSON.stringify(measure()));
} else {
  const text = report(Number(process.argv[2] ?? 5));
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(fileURLToPath(new URL(`results/${date}-int8.md`, import.meta.url)), text);
  process.stdout.write(text);
}
