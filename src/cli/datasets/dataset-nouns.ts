import {
  type CaptionStatistics,
  type ConceptDensity,
  captionStatistics,
} from "../../curation/concept-density.ts";
import { densityChart, percent, whole } from "../../curation/density-chart.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { PictureProgress } from "../terminal/picture-progress.ts";
import { table } from "../terminal/table.ts";
import { say } from "../terminal/talk.ts";
import { type ReadOptions, readOptions } from "./dataset-check.ts";

/** Options of `pixart dataset nouns`. */
export interface DatasetNounsOptions extends Omit<ReadOptions, "instancePrompt"> {
  readonly sheet?: string;
  readonly json?: boolean;
}

/** `pixart dataset nouns LOCATION` */
export async function datasetNouns(location: string, options: DatasetNounsOptions): Promise<void> {
  const dataset = await readDataset(location, readOptions(options));
  using progress = new PictureProgress("Reading");
  const statistics = await captionStatistics(dataset, (done, total) =>
    progress.update(done, total),
  );
  if (options.sheet !== undefined) {
    await (await densityChart(statistics)).save(options.sheet);
    say(`Nouns per caption: ${options.sheet}`);
  }
  process.stdout.write(
    `${options.json ? JSON.stringify(statistics) : describeStatistics(statistics)}\n`,
  );
}

/** The statistics for people. */
function describeStatistics(statistics: CaptionStatistics): string {
  const { location, layout, pictures, raw, dense } = statistics;
  const kinds = dense === null ? [raw] : [raw, dense];
  const row = (title: string, value: (density: ConceptDensity) => string): string[] => [
    title,
    ...kinds.map(value),
  ];
  const rows = [
    ["", "raw", ...(dense === null ? [] : ["dense"])],
    row("captions", ({ captions }) => whole(captions)),
    row("words", ({ words }) => whole(words)),
    row("words per caption", ({ wordsPerCaption }) => wordsPerCaption.toFixed(1)),
    row("vocabulary", ({ vocabulary }) => whole(vocabulary)),
    row("nouns", ({ nouns }) => whole(nouns)),
    row("nouns per caption", ({ nounsPerCaption }) => nounsPerCaption.toFixed(1)),
    row("distinct nouns (DN)", ({ distinctNouns }) => whole(distinctNouns)),
    row("valid nouns, more than 10 times (VN)", ({ validNouns }) => whole(validNouns)),
    row("VN/DN", ({ validShare }) => percent(validShare)),
  ];
  const names = dense === null ? ["raw"] : ["raw", "dense"];
  return [
    `${location}: ${layout}, ${whole(pictures)} pictures`,
    ...table(rows),
    ...kinds.map((density, i) => `most frequent, ${names[i]}: ${frequent(density)}`),
  ].join("\n");
}

const frequent = ({ frequentNouns }: ConceptDensity): string =>
  frequentNouns
    .slice(0, 10)
    .map(([noun, count]) => `${noun} ${whole(count)}`)
    .join(", ");
