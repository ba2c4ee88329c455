import { mean } from "../measure.ts";
import type { ComparedArm, Comparison } from "./compare.ts";
import { type Interval, median } from "./curves.ts";
import { LOG_SNRS } from "./measured.ts";
import { readOptions } from "./options.ts";
import type { RunResult } from "./run-files.ts";

/** A table of Markdown. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "--"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const points = (value: number): string => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;

/** AdamW keeps two numbers a weight, in float32. */
const optimizerMegabytes = (weights: number): string => ((8 * weights) / 1e6).toFixed(1);

const times = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : "∞");

const interval = ({ value, low, high }: Interval): string =>
  Number.isNaN(value) ? "neither" : `${times(value)} (${times(low)} to ${times(high)})`;

const gained = ({ value, low, high }: Interval): string =>
  `${points(value)} (${points(low)} to ${points(high)})`;

const learnsClasses = ({ stages }: RunResult): boolean =>
  stages.some(({ name }) => name.startsWith("classes"));

/** The arms, a line each. */
export function armTable({ arms, budget }: Comparison): string {
  const rows = arms.map((arm) => {
    const { name, what, ratio, ratioWithoutPixels, end, gain, runs, toTarget } = arm;
    const isFull = name === "FULL";
    const weights = runs[0]?.weights ?? 0;
    return [
      `**${name}**: ${what}`,
      Number.isFinite(toTarget) ? toTarget.toFixed(1) : `over ${budget}`,
      isFull ? "1" : interval(ratio),
      runs.some(learnsClasses) ? "" : interval(ratioWithoutPixels),
      percent(end),
      isFull ? "" : gained(gain),
      percent(mean(runs.map(({ rightDense }) => mean(rightDense)))),
      `${(weights / 1e6).toFixed(2)} M`,
      optimizerMegabytes(weights),
      median(runs.map(({ cpuSeconds, tflop }) => cpuSeconds / tflop)).toFixed(1),
    ];
  });
  const head = [
    "variant",
    "TFLOP to target",
    "over FULL's (95 %)",
    "over FULL's without its pixel stage",
    "right of 8 at the end",
    "points over FULL's (95 %)",
    "under dense captions",
    "weights",
    "AdamW, MB",
    "CPU s per TFLOP",
  ];
  return table(head, rows);
}

/** Errors of the picture found at each noise level at the end, in the median over the seeds. */
export const errorTable = ({ arms }: Comparison): string =>
  table(
    ["log(α²/σ²)", ...LOG_SNRS.map(String)],
    arms.map(({ name, errors }) => [
      name,
      ...LOG_SNRS.map((_, level) => median(errors.map((own) => own[level] ?? 0)).toPrecision(3)),
    ]),
  );

/** What an arm says of the design that it does without. */
function verdict({ name, what, without, ratio, gain }: ComparedArm): string {
  const helps = (word: string): string => (without === undefined ? "" : ` ${without} ${word}.`);
  const end = ` At equal operations it has ${gained(gain)} points at the end.`;
  const said = `- **${name}** (${what}): `;
  const { value, low, high } = ratio;
  if (Number.isNaN(value)) return `${said}neither it nor FULL gets to the target.${end}`;
  const costs = `${said}${interval(ratio)} times FULL's operations to the target`;
  if (low > 1) return `${costs}.${end}${helps("helps")}`;
  if (high < 1) return `${costs}, so it is cheaper.${end}${helps("does not help at this size")}`;
  return `${costs}: no difference that these runs can tell.${end}`;
}

/** A sentence an arm. */
export const verdicts = ({ arms }: Comparison): string =>
  arms
    .filter(({ name }) => name !== "FULL")
    .map(verdict)
    .join("\n");

/** Whether the controls came out as they are known to. */
export function controls(results: readonly RunResult[]): string {
  const lines: string[] = [];
  const shuffled = results.find(({ design }) => design === "shuffled");
  if (shuffled !== undefined) {
    const { right = [] } = shuffled.points.at(-1) ?? {};
    const rate = mean(right);
    const error = Math.sqrt((0.125 * 0.875) / right.length);
    const holds = Math.abs(rate - 0.125) < 2 * error;
    lines.push(
      `- Captions shuffled: ${percent(rate)} of held-out pairs, where chance is 12.5 ± ${(200 * error).toFixed(1)} %: ${holds ? "as it must be" : "**NOT as it must be**"}.`,
    );
  }
  const repeat = results.find(({ design }) => design === "repeat");
  const first = results.find((run) => run.design === "FULL" && run.seed === repeat?.seed);
  if (repeat !== undefined && first !== undefined) {
    const isEqual =
      repeat.hash === first.hash && JSON.stringify(repeat.points) === JSON.stringify(first.points);
    lines.push(
      `- FULL with seed ${repeat.seed} once more: weights and all that is measured are ${isEqual ? "equal to the last bit" : "**NOT equal**"}.`,
    );
  }
  return lines.join("\n");
}

/** How the runs were made. */
export function circumstances(folder: string, results: readonly RunResult[]): string {
  const { things, budget, points, lr, precision, vae } = readOptions(folder);
  const machines = [...new Set(results.map(({ machine }) => machine))];
  const dates = results.map(({ date }) => date.slice(0, 10)).sort();
  const [first] = results;
  return `\`npx tsx bench/lab.ts --budget ${budget} --things ${things} --points ${points}\`, ${dates[0]} to ${dates.at(-1)}; ${results.length} runs of ${budget} TFLOP on ${machines.join("; ")}, one thread each. ${things} things, ${first?.points[0]?.right.length ?? 0} pairs held out, learning rate ${lr}, ${precision}, autoencoder ${vae}.`;
}

/** Steps and operations of each arm's stages. */
export function stageTable({ arms }: Comparison): string {
  const rows = arms.flatMap(({ name, runs: [run] }) =>
    (run?.stages ?? []).map(({ name: stage, steps, pictures, gflop }) => [
      name,
      stage,
      `${steps}`,
      pictures.toLocaleString("en"),
      (gflop / (pictures / steps)).toFixed(3),
      ((steps * gflop) / 1000).toFixed(1),
    ]),
  );
  return table(["variant", "stage", "steps", "pictures", "GFLOP per picture", "TFLOP"], rows);
}
