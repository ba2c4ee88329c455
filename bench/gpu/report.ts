/**
 * Makes report.md and report.json of what the parts of gpu.sh left: npx tsx bench/gpu/report.ts WORK OUT [options], as gpu.sh calls it.
 * --device D  as measured on
 * --tiny      says that it was only tried
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.ts";
import { best } from "../measure.ts";
import { comparisonTable } from "../report.ts";
import type { Run } from "../sides.ts";
import { type GpuResult, type GpuResults, readResults } from "./results.ts";

/** A part of gpu.sh. */
interface Part {
  readonly name: string;
  readonly seconds: number;
  readonly budget: number;
  /** Its exit code; 124 where its time was over. Or that it had no time to begin. */
  readonly code: number | "no-time";
}

/** What vitest's JSON has of a test. */
interface TestResult {
  readonly fullName: string;
  readonly status: "passed" | "failed" | "skipped" | "pending" | "todo";
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { device: { type: "string", default: "cuda" }, tiny: { type: "boolean" } },
});
const [work, out] = positionals;
if (work === undefined || out === undefined)
  throw new Error("Expected the folder of the parts and the one for the report");

const textOf = (name: string): string | undefined => {
  const path = join(work, name);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
};
const jsonOf = (name: string): unknown => {
  const text = textOf(name);
  return text ? JSON.parse(text) : undefined;
};

function readParts(): Part[] {
  const lines = textOf("parts.tsv")?.split("\n") ?? [];
  return lines.map((line) => {
    const [name = "", seconds = "", budget = "", code = ""] = line.split("\t");
    const ended = code === "no-time" ? code : Number(code);
    return { name, seconds: Number(seconds), budget: Number(budget), code: ended };
  });
}

function readTests(): TestResult[] {
  const found = jsonOf("tests.json") as
    | { readonly testResults: readonly { readonly assertionResults: TestResult[] }[] }
    | undefined;
  return found?.testResults.flatMap((each) => each.assertionResults) ?? [];
}

const outcomeOf = ({ code }: Part): string =>
  code === 0
    ? "passed"
    : code === "no-time"
      ? "no time was left"
      : code === 124
        ? "ended: its time was over"
        : `FAILED, exit code ${code}`;

function partLines(parts: readonly Part[], tests: readonly TestResult[]): string[] {
  const failed = tests.filter(({ status }) => status === "failed");
  const passed = tests.filter(({ status }) => status === "passed").length;
  const skipped = tests.length - passed - failed.length;
  return [
    "| part | | seconds | of at most |",
    "|--|--|--|--|",
    ...parts.map((part) => {
      const { name, seconds, budget } = part;
      return `| [${name}](${name}.log) | ${outcomeOf(part)} | ${seconds} | ${budget} |`;
    }),
    "",
    ...(tests.length === 0
      ? []
      : [
          `Tests on the device: ${passed} passed, ${failed.length} failed, ${skipped} are for another one.`,
        ]),
    ...failed.map(({ fullName }) => `- failed: ${fullName}`),
  ];
}

const teraflops = (flops: number, runs: readonly Run[]): number => flops / best(runs) / 1e12;

/** The rate of each side, and which share of the fastest product it is. */
function rateLines(rows: readonly GpuResult[]): string[] {
  const counted = rows.flatMap(({ name, flops, measured }) =>
    flops === undefined ? [] : measured.map((each) => ({ name, flops, each })),
  );
  const rates = counted.map(({ name, flops, each }) => ({
    name: `${name}, ${each.name}`,
    rates: [each.theirs, each.ours].map((runs) =>
      runs.length === 0 ? undefined : teraflops(flops, runs),
    ),
  }));
  const products = rates.filter(({ name }) => name.startsWith("product,"));
  const known = products.flatMap(({ rates: both }) => both.filter((rate) => rate !== undefined));
  const peak = known.length === 0 ? undefined : Math.max(...known);
  const shown = (rate: number | undefined): string =>
    rate === undefined
      ? ""
      : `${rate.toPrecision(3)}${peak === undefined ? "" : ` (${((100 * rate) / peak).toFixed(0)} %)`}`;
  return [
    "TFLOP/s, counted from shapes (`bench/flops.ts`), and their share of the fastest matrix product measured here:",
    "",
    "| row | Python | ours |",
    "|--|--|--|",
    ...rates.map(
      ({ name, rates: [theirs, ours] }) => `| ${name} | ${shown(theirs)} | ${shown(ours)} |`,
    ),
  ];
}

function rowLines({ rows, versions }: GpuResults): string[] {
  const unmeasured = rows.filter(({ reason }) => reason !== undefined);
  const outcomes = rows.map((row) => ({ row, rounds: row.rounds, measured: row.measured }));
  return [
    `Beside ${versions}.${versions.includes("diffusers") ? "" : " **Python has no diffusers here: ours was measured alone.**"} Ratios are Python's time over ours: above 1 this is faster. Peaks are those of the device's tensors in GB.`,
    "",
    ...unmeasured.map(({ name, reason }) => `- **${name} was not measured**: ${reason}`),
    "",
    ...comparisonTable(outcomes),
    "",
    ...rateLines(rows),
  ];
}

const parts = readParts();
const tests = readTests();
const rows = existsSync(join(work, "rows.json")) ? readResults(join(work, "rows.json")) : undefined;
const training = jsonOf("made/training.json");
const doctor = jsonOf("doctor.json");
const gpu = textOf("gpu.txt") || "no NVIDIA GPU";
const date = new Date().toISOString().slice(0, 10);
const text = [
  `# On a GPU, ${date}`,
  "",
  ...(values.tiny
    ? ["**Small models, to try the script: no number here means anything.**", ""]
    : []),
  `\`bench/gpu.sh\` on \`${values.device}\`: ${gpu}; ${describeMachine()}, Node ${process.version}.`,
  "",
  ...partLines(parts, tests),
  "",
  ...(rows === undefined ? ["No row was measured."] : rowLines(rows)),
  "",
  training === undefined
    ? "No model was trained."
    : `A model by \`configs/emoji_full.ts\`, in \`made.tar.*\`: \`${JSON.stringify(training)}\``,
  "",
].join("\n");
writeFileSync(join(out, "report.md"), text);
const { device } = values;
const all = { date, device, tiny: values.tiny ?? false, gpu, parts, tests, rows, training, doctor };
writeFileSync(join(out, "report.json"), `${JSON.stringify(all, null, 2)}\n`);
