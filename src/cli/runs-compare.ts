import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ResolvedConfig } from "../config/index.ts";
import { contactSheet, RgbImage } from "../images/index.ts";
import { formatDuration } from "../training/quantities.ts";
import { readRunConfig } from "../training/run-pipeline.ts";
import { type RunSummary, type StageSummary, summarizeRun } from "../training/run-summary.ts";
import { lossText, speedText } from "./runs.ts";
import { table } from "./table.ts";
import { say } from "./talk.ts";

/** Options of `pixart runs compare`. */
export interface RunsCompareOptions {
  readonly json?: boolean;
  readonly sheet?: string;
}

/** A place of two configs at which they differ; undefined where one of them has no such place. */
interface Difference {
  readonly place: string;
  readonly values: readonly [a: unknown, b: unknown];
}

/** `pixart runs compare A B` */
export async function runsCompare(
  a: string,
  b: string,
  { json, sheet }: RunsCompareOptions,
): Promise<void> {
  const runs = [summarizeRun(a), summarizeRun(b)] as const;
  const differences = configDifferences(readRunConfig(a), readRunConfig(b));
  process.stdout.write(
    json
      ? `${JSON.stringify({ differences, runs })}\n`
      : `${describeComparison(differences, runs).join("\n")}\n`,
  );
  if (sheet !== undefined) await saveSheet(runs, sheet);
}

/** Where two configs differ, by path; where the runs are kept does not count. Stages are told apart by name. */
export function configDifferences(a: ResolvedConfig, b: ResolvedConfig): Difference[] {
  const places = ({ workDir: _, stages, ...config }: ResolvedConfig): Map<string, unknown> =>
    leaves({
      ...config,
      stages: Object.fromEntries(stages.map(({ name, ...stage }) => [name, stage])),
    });
  const [left, right] = [places(a), places(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place): Difference[] => {
    const values = [left.get(place), right.get(place)] as const;
    return isDeepStrictEqual(...values) ? [] : [{ place, values }];
  });
}

/** The values of nested objects by path; lists are values. */
function leaves(value: object, path = ""): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? [...leaves(inner, `${path}${key}.`)]
        : [[`${path}${key}`, inner] as const],
    ),
  );
}

const valueText = (value: unknown): string => (value === undefined ? "-" : JSON.stringify(value));

function describeComparison(
  differences: readonly Difference[],
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

/**
 * Both runs' sample sheets side by side: of each stage that both have, at the last step that both have drawn at, or the
 * newest of each where that is the first.
 */
async function saveSheet(
  runs: readonly [a: RunSummary, b: RunSummary],
  file: string,
): Promise<void> {
  const [a, b] = runs;
  const pairs = a.stages.flatMap(({ stage }) => {
    const [left, right] = runs.map((run) => run.sheets.filter((each) => each.stage === stage));
    const common = left?.findLast(
      ({ step }) => step > 0 && right?.some((other) => other.step === step),
    );
    const own = common ?? left?.at(-1);
    const other =
      common === undefined ? right?.at(-1) : right?.findLast(({ step }) => step === common.step);
    return own === undefined || other === undefined ? [] : [[own, other] as const];
  });
  if (pairs.length === 0) {
    say(`${a.path} and ${b.path} have no sample sheets of the same stage: no ${file}`);
    return;
  }
  const shown = pairs.flatMap((pair) =>
    pair.map(({ stage, step, file: sheet }, i) => {
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
