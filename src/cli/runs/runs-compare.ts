import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConfigDifference, valueText } from "../../config/checks/config-differences.ts";
import { configDifferences } from "../../config/checks/run-differences.ts";
import { contactSheet, RgbImage } from "../../images/index.ts";
import { formatDuration } from "../../training/progress/quantities.ts";
import { readRunConfig } from "../../training/run-folder/run-folder.ts";
import {
  type RunSummary,
  type StageSummary,
  summarizeRun,
} from "../../training/run-folder/run-summary.ts";
import { table } from "../terminal/table.ts";
import { say } from "../terminal/talk.ts";
import { lossText, speedText } from "./runs.ts";

/** Options of `pixart runs compare`. */
export interface RunsCompareOptions {
  readonly json?: boolean;
  readonly sheet?: string;
}

/** `pixart runs compare A B` */
export async function runsCompare(
  a: string,
  b: string,
  { json, sheet }: RunsCompareOptions,
): Promise<void> {
  const runs = [await summarizeRun(a), await summarizeRun(b)] as const;
  const differences = configDifferences(readRunConfig(a), readRunConfig(b));
  // Before anything is printed: a command that prints ends when its reader goes away.
  if (sheet !== undefined) await saveSheet(runs, sheet);
  process.stdout.write(
    json
      ? `${JSON.stringify({ differences, runs })}\n`
      : `${describeComparison(differences, runs).join("\n")}\n`,
  );
}

function describeComparison(
  differences: readonly ConfigDifference[],
  runs: readonly [a: RunSummary, b: RunSummary],
): string[] {
  const [a, b] = runs;
  const head = ["", a.path, b.path];
  const config =
    differences.length === 0
      ? ["The configs are the same"]
      : table([head, ...differences.map(({ place, values }) => [place, ...values.map(valueText)])]);
  const stages = [...new Set(runs.flatMap((run) => run.stages.map(({ stage }) => stage)))];
  const results = stages.flatMap((name) => {
    const pair = runs.map((run) => run.stages.find(({ stage }) => stage === name));
    const row = (title: string, tell: (stage: StageSummary) => string): string[] => [
      `  ${title}`,
      ...pair.map((stage) => (stage === undefined ? "-" : tell(stage))),
    ];
    const bands = [...new Set(pair.flatMap((stage) => Object.keys(stage?.bands ?? {})))];
    return [
      [`stage ${name}`],
      row("steps", ({ step, steps }) => `${step}/${steps}`),
      row("loss, last steps", ({ loss }) => lossText(loss)),
      row("held out", ({ heldout }) => lossText(heldout?.loss)),
      ...bands.map((band) => row(`  at ${band}`, (stage) => lossText(stage.bands[band]))),
      row("lowest held out", ({ lowestHeldout: lowest }) =>
        lowest === null ? "-" : `${lossText(lowest.loss)} at ${lowest.step}`,
      ),
      row("images/s", ({ imagesPerSecond }) => speedText(imagesPerSecond)),
      row("time in steps", ({ seconds }) => formatDuration(seconds)),
      row("rollbacks", ({ rollbacks }) => String(rollbacks)),
    ];
  });
  return [...config, "", ...table([head, ["state", a.state, b.state], ...results])];
}

/** Two runs' sheets of one stage: of the last step that both have sheets of, or the newest of each. */
interface SheetPair {
  readonly stage: string;
  readonly sheets: readonly [a: RunSummary["sheets"][number], b: RunSummary["sheets"][number]];
}

/**
 * Pairs for each stage that both runs have sheets of. A stage's first sheet shows no training, so it is common only if there is
 * no other.
 */
function sheetPairs([a, b]: readonly [a: RunSummary, b: RunSummary]): SheetPair[] {
  return a.stages.flatMap(({ stage }) => {
    const [left, right] = [a, b].map((run) => run.sheets.filter((each) => each.stage === stage));
    const newest = [left?.at(-1), right?.at(-1)] as const;
    const common = left?.findLast(
      ({ step }) => step > 0 && right?.some((other) => other.step === step),
    );
    const own = common ?? newest[0];
    const other =
      common === undefined ? newest[1] : right?.findLast(({ step }) => step === common.step);
    return own === undefined || other === undefined ? [] : [{ stage, sheets: [own, other] }];
  });
}

/** Names the steps shown: if they differ, so may the pictures without any difference between the runs. */
function describePair(
  { stage, sheets: [own, other] }: SheetPair,
  [a, b]: readonly [a: RunSummary, b: RunSummary],
): string {
  return own.step === other.step
    ? `Stage "${stage}": both at step ${own.step}`
    : `Stage "${stage}": ${a.path} at step ${own.step}, ${b.path} at step ${other.step}, since the first is the only step at which both have drawn`;
}

/** Puts both runs' sample sheets side by side, and prints which steps they show. */
async function saveSheet(
  runs: readonly [a: RunSummary, b: RunSummary],
  file: string,
): Promise<void> {
  const [a, b] = runs;
  const pairs = sheetPairs(runs);
  if (pairs.length === 0) {
    say(`${a.path} and ${b.path} have no sample sheets of the same stage: no ${file}`);
    return;
  }
  for (const pair of pairs) say(describePair(pair, runs));
  const shown = pairs.flatMap(({ sheets }) =>
    sheets.map(({ stage, step, file: sheet }, i) => {
      const { path } = i === 0 ? a : b;
      return { path: join(path, sheet), label: `${path}, ${stage}, step ${step}` };
    }),
  );
  const images = await Promise.all(
    shown.map(async ({ path }) => RgbImage.decode(await readFile(path), { name: path })),
  );
  const labels = shown.map(({ label }) => label);
  await (await contactSheet(images, { columns: 2, labels })).save(file);
  say(`Samples side by side: ${file}`);
}
