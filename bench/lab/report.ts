import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { here } from "../processes.ts";
import { type Comparison, compare } from "./compare.ts";
import { choiceFigure, errorFigure, ratioFigure } from "./figures.ts";
import { readOptions } from "./options.ts";
import { projection } from "./projection.ts";
import { RunFiles, type RunResult } from "./run-files.ts";
import { stripFigure } from "./strips.ts";
import { toPng } from "./svg.ts";
import { armTable, circumstances, controls, errorTable, stageTable, verdicts } from "./tables.ts";

/** Where a report goes. */
export interface ReportPlaces {
  /** Holds `efficiency.md` and `pictures/`. */
  readonly documents: string;
  /** Holds what all runs came to. */
  readonly results: string;
}

/** Of all runs that are done. */
function resultsIn(folder: string): RunResult[] {
  const runs = join(folder, "runs");
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .sort()
    .flatMap((name) => {
      const [, design = "", seed = ""] = /^(.*)-(\d+)$/.exec(name) ?? [];
      return new RunFiles(folder, design, Number(seed)).result ?? [];
    });
}

/** Puts text between the two marks of a name in a document. Throws where they are not there. */
export function replaceBetween(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Expected ${begin} and ${end} in the document`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}

/** What the report says of the lab. */
function labText(folder: string, comparison: Comparison, results: readonly RunResult[]): string {
  const { target, standardError, seeds } = comparison;
  const isTold = target > 0.125 + 2 * standardError;
  return [
    circumstances(folder, results),
    "",
    `The target is ${(100 * target).toFixed(1)} % of held-out pairs, what the worst variant's median reaches at its end (a run's standard error there is ${(100 * standardError).toFixed(1)} points)${isTold ? "" : ". **That is not above chance: these runs are too short to compare anything**"}. Seeds: ${seeds.join(", ")}.`,
    "",
    verdicts(comparison),
    "",
    "![The right one of 8 captions over operations](pictures/lab-choice.png)",
    "",
    "![Operations to the target over FULL's](pictures/lab-ratios.png)",
    "",
    armTable(comparison),
    "",
    "![Errors at equal operations](pictures/lab-errors.png)",
    "",
    errorTable(comparison),
    "",
    "The same held-out captions drawn by each variant at its end (10 steps, guidance 3, one seed):",
    "",
    "![Eight held-out captions by each variant](pictures/lab-strips.png)",
    "",
    "Controls:",
    "",
    controls(results),
    "",
    "Stages, with the operations that were counted:",
    "",
    stageTable(comparison),
  ].join("\n");
}

async function writePictures(
  folder: string,
  pictures: string,
  comparison: Comparison,
): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  const figures = {
    choice: choiceFigure(comparison),
    ratios: ratioFigure(comparison),
    errors: errorFigure(comparison),
    strips: stripFigure(folder, comparison),
  };
  for (const [name, svg] of Object.entries(figures)) {
    if (name !== "strips") writeFileSync(join(pictures, `lab-${name}.svg`), svg);
    writeFileSync(join(pictures, `lab-${name}.png`), await toPng(svg));
  }
}

/** All runs in one file. */
function keepResults(folder: string, results: readonly RunResult[], target: string): void {
  mkdirSync(target, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const text = JSON.stringify({ options: readOptions(folder), results });
  writeFileSync(join(target, `${date}-${basename(folder)}.json`), `${text}\n`);
}

/**
 * Writes the report of a lab: figures, the document, and the results as JSON. Resolves to what the document says of the lab. Where
 * no run is done it says that.
 */
export async function writeReport(folder: string, places: ReportPlaces): Promise<string> {
  const results = resultsIn(folder);
  const isBegun = results.some(({ design }) => design === "FULL");
  const comparison = isBegun ? compare(results, readOptions(folder).budget) : undefined;
  if (comparison !== undefined) {
    await writePictures(folder, join(places.documents, "pictures"), comparison);
    keepResults(folder, results, places.results);
  }
  const path = join(places.documents, "efficiency.md");
  const document = readFileSync(existsSync(path) ? path : here("../docs/efficiency.md"), "utf8");
  const text =
    comparison === undefined
      ? "The miniature experiment has not been run yet."
      : labText(folder, comparison, results);
  const whole = replaceBetween(document, "lab", text);
  writeFileSync(path, replaceBetween(whole, "projection", projection(comparison)));
  return `${text}\n`;
}
