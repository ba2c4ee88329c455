/** What rows came to, and the report of it. */
import { describeMachine } from "./machine.ts";
import { best, bestRatio, type Measured, median, roundRatios } from "./measure.ts";
import type { Bar, Row } from "./rows.ts";
import type { Run } from "./sides.ts";

/** What came of a row: its comparisons, or why there are none. */
export interface Outcome {
  readonly row: Row;
  readonly rounds: number;
  readonly measured: readonly Measured[];
  /** Why there is no number: what the machine lacks, or what went wrong. */
  readonly reason?: string;
}

/** What the table of comparisons shows of a row. */
export interface Compared {
  readonly row: Pick<Row, "name" | "what"> & { readonly pictures?: number | undefined };
  readonly rounds: number;
  readonly measured: readonly Measured[];
}

/** The comparison that a bar is judged by. */
export interface Verdict {
  readonly name: string;
  readonly ratio: number;
  readonly met: boolean;
}

const ratioFor = (bar: Bar, each: Measured): number =>
  bar.byMedian ? median(roundRatios(each)) : bestRatio(each);

/** Undefined where nothing was measured that counts. */
export function judge(bar: Bar, measured: readonly Measured[]): Verdict | undefined {
  const { of, maxError = Number.POSITIVE_INFINITY } = bar;
  const counted = measured
    .filter(({ name, ours }) => ours.length > 0 && (of === undefined || of.includes(name)))
    .filter(({ error = 0 }) => error <= maxError)
    .map((each) => ({ name: each.name, ratio: ratioFor(bar, each) }))
    .toSorted((a, b) => b.ratio - a.ratio);
  const chosen = of === undefined ? counted.at(-1) : counted[0];
  return chosen && { ...chosen, met: chosen.ratio >= bar.least };
}

/** What is printed of a row. */
export function summary({ row, measured, reason }: Outcome): string {
  const [first] = row.bars;
  const verdict = first && judge(first, measured);
  return verdict === undefined
    ? `${row.name} not measured: ${reason ?? "nothing counts"}`
    : `${row.name} ${verdict.ratio.toFixed(2)}x`;
}

const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
const shownTime = (seconds: number): string =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(2)} µs` : `${seconds.toPrecision(4)} s`;
const gigabytes = (bytes: number): string => (bytes === 0 ? "" : (bytes / 1e9).toFixed(2));

/** Lines of the table of bars, each with how soon it is to be read: missed, not measured, met. */
function barLines({ row, measured, reason }: Outcome): [order: number, line: string][] {
  return row.bars.map((bar) => {
    const verdict = judge(bar, measured);
    const least = times(bar.least);
    if (verdict === undefined)
      return [1, `| ${row.name} | | | ${least} | ${reason ?? "nothing counts"} |`];
    const { name, ratio, met } = verdict;
    return [
      met ? 2 : 0,
      `| ${row.name} | ${name} | ${times(ratio)} | ${least} | ${met ? "met" : "MISSED"} |`,
    ];
  });
}

function comparisonLine(row: Compared["row"], each: Measured): string {
  if (each.failure !== undefined) return `| ${row.name} | ${each.name} | failed: ${each.failure} |`;
  const { theirs, ours, error } = each;
  const ratios = roundRatios(each);
  const told = (runs: readonly Run[], value: (runs: readonly Run[]) => string): string =>
    runs.length === 0 ? "" : value(runs);
  const sides = (value: (runs: readonly Run[]) => string): string[] =>
    [theirs, ours].map((runs) => told(runs, value));
  const { pictures } = row;
  const cells = [
    ...sides((runs) => shownTime(best(runs))),
    told(theirs, () => times(bestRatio(each))),
    told(theirs, () => times(median(ratios))),
    ratios.map((ratio) => ratio.toFixed(2)).join(", "),
    error === undefined ? "" : error.toExponential(1),
    ...sides((runs) => gigabytes(Math.max(...runs.map(({ peak }) => peak)))),
    ...sides((runs) => (pictures === undefined ? "" : (pictures / best(runs)).toPrecision(3))),
  ];
  return `| ${row.name} | ${each.name} | ${cells.join(" | ")} |`;
}

/** Each comparison as a table, with what each row is beneath it. */
export function comparisonTable(outcomes: readonly Compared[]): string[] {
  return [
    "| row | comparison | Python | ours | best | median | rounds | error | Python's peak | our peak | Python's pictures/s | ours |",
    "|--|--|--|--|--|--|--|--|--|--|--|--|",
    ...outcomes.flatMap(({ row, measured }) => measured.map((each) => comparisonLine(row, each))),
    "",
    ...outcomes.map(({ row, rounds }) => `- ${row.name} (${rounds} rounds): ${row.what}`),
  ];
}

/** Of a whole run. */
export interface ReportContext {
  readonly date: string;
  readonly command: string;
  readonly versions: string;
  readonly loads: string;
}

/** The report as Markdown, rows that lose first. */
export function report(outcomes: readonly Outcome[], context: ReportContext): string {
  const bars = outcomes.flatMap(barLines).toSorted(([a], [b]) => a - b);
  return [
    `# Beside Python, ${context.date}`,
    "",
    `\`${context.command}\`, ${describeMachine()}, Node ${process.version}, ${context.versions}. ${context.loads}`,
    "Ratios are Python's time over ours: above 1 this is faster. Both sides take turns; ratios are by the best runs unless said otherwise.",
    "",
    "| row | by | ratio | asked for | |",
    "|--|--|--|--|--|",
    ...bars.map(([, line]) => line),
    "",
    "Each comparison, with peaks of resident memory in GB and the error ‖ours − theirs‖ ÷ ‖theirs‖:",
    "",
    ...comparisonTable(outcomes),
    "",
  ].join("\n");
}
