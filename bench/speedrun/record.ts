import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { median, smoothed, toTarget } from "../lab/curves.ts";
import type { RunResult } from "../lab/run-files.ts";
import { table } from "../lab/tables.ts";
import { mean } from "../measure.ts";
import { TARGET } from "./recipes.ts";

/** What a recipe came to: one seed. */
export interface SeedRecord {
  readonly seed: number;
  /** To the target; null where it is not reached, or not kept. */
  readonly tflop: number | null;
  /** In steps, to the target. */
  readonly seconds: number | null;
  /** At the end: share of pairs whose caption is chosen, on those that settings are chosen on and on held-out ones. */
  readonly choice: number;
  readonly heldout: number;
  /** At the end; null where no network looked. */
  readonly content: number | null;
}

/** What a recipe came to. */
export interface RecipeRecord {
  readonly recipe: string;
  readonly what: string;
  readonly date: string;
  readonly machine: string;
  readonly command: string;
  readonly target: typeof TARGET;
  /** Operations of a whole run. */
  readonly budget: number;
  readonly seeds: readonly SeedRecord[];
}

/** Operations and time to the target. */
export function seedRecord({ seed, points, seconds, rightOther }: RunResult): SeedRecord {
  const places = points.map(({ tflop }) => tflop);
  const choice = smoothed(points.map(({ right }) => mean(right)));
  const contents = points.flatMap(({ content }) => content ?? []);
  const reached = [
    toTarget(places, choice, TARGET.choice),
    ...(contents.length === 0 ? [] : [toTarget(places, smoothed(contents), TARGET.content)]),
  ];
  const tflop = Math.max(...reached);
  return {
    seed,
    tflop: Number.isFinite(tflop) ? tflop : null,
    seconds: seconds[places.indexOf(tflop)] ?? null,
    choice: choice.at(-1) ?? 0,
    heldout: mean(rightOther),
    content: contents.at(-1) ?? null,
  };
}

const NAME = /-speedrun-.*\.json$/;

/** All records of a folder of results, the fewest operations first. */
export function readRecords(folder: string): RecipeRecord[] {
  const records = readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .map((name): RecipeRecord => JSON.parse(readFileSync(join(folder, name), "utf8")));
  return records.sort((a, b) => medianOf(a, "tflop") - medianOf(b, "tflop"));
}

const medianOf = ({ seeds }: RecipeRecord, of: "tflop" | "seconds"): number =>
  median(seeds.map((seed) => seed[of] ?? Number.POSITIVE_INFINITY));

const shown = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "not reached";
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** The records as a table. */
export function recordTable(records: readonly RecipeRecord[]): string {
  if (records.length === 0) return "Nothing has been run yet.";
  const rows = records.map((record) => {
    const { recipe, what, seeds, date, machine } = record;
    const of = (value: (seed: SeedRecord) => number): string => percent(median(seeds.map(value)));
    const contents = seeds.flatMap(({ content }) => content ?? []);
    return [
      `${recipe}: ${what}`,
      shown(medianOf(record, "tflop"), 1),
      shown(medianOf(record, "seconds"), 0),
      of(({ choice }) => choice),
      of(({ heldout }) => heldout),
      contents.length === 0 ? "" : percent(median(contents)),
      `${seeds.length}`,
      date,
      machine,
    ];
  });
  const head = [
    "recipe",
    "TFLOP to target",
    "seconds in steps",
    "right of 8 at the end",
    "of held-out pairs",
    "drawn right, by content",
    "seeds",
    "date",
    "machine",
  ];
  return table(head, rows);
}
