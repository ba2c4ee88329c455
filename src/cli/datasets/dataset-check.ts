import { loadConfig } from "../../config/index.ts";
import { checkDataset, type DatasetReport, type Spread } from "../../data/check-dataset.ts";
import { DATASET_LAYOUTS, type DatasetOptions } from "../../data/dataset.ts";
import { MAX_UNREADABLE } from "../../data/load-pictures.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { describeReasons, describeSplits } from "../../data/reasons.ts";
import { contactSheet } from "../../images/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import { PictureProgress } from "../terminal/picture-progress.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart dataset …` for reading. */
export interface ReadOptions {
  readonly revision?: string;
  readonly layout?: string;
  readonly imageColumn?: string;
  readonly textColumn?: string;
  readonly controlColumn?: string;
  readonly controlFolder?: string;
  readonly instancePrompt?: string;
}

/** Options of `pixart dataset check`. */
export interface DatasetCheckOptions extends ReadOptions {
  /** A recipe or config, which gives size and batch unless the options do, and how many pictures may be unreadable. */
  readonly for?: string;
  readonly size?: number;
  readonly batch?: number;
  readonly maxLength: number;
  readonly tokenizer?: string;
  readonly sheet?: string;
  readonly json?: boolean;
}

/** What the data set is checked against. */
interface Measure {
  readonly size: number;
  readonly batch: number;
  readonly maxLength: number;
  /** Fraction of pictures that may be unreadable. */
  readonly maxUnreadable: number;
  /** Where the size is from; undefined if it was given. */
  readonly source?: string;
}

/** Of PixArt's model. */
const USUAL_SIZE = 1024;

/** Takes the largest resolution of a recipe's stages: pictures may be too small for it. */
async function measureOf({
  for: recipe,
  size,
  batch,
  maxLength,
}: DatasetCheckOptions): Promise<Measure> {
  if (recipe === undefined) {
    const source = "PixArt's size; --size or --for RECIPE names another";
    return {
      size: size ?? USUAL_SIZE,
      batch: batch ?? 1,
      maxLength,
      maxUnreadable: MAX_UNREADABLE,
      ...(size === undefined && { source }),
    };
  }
  const { stages, dataset } = await loadConfig(recipe);
  const [largest] = stages.toSorted((a, b) => b.resolution - a.resolution);
  return {
    size: size ?? largest?.resolution ?? USUAL_SIZE,
    batch: batch ?? largest?.batchSize ?? 1,
    maxLength,
    maxUnreadable: dataset.maxUnreadable,
    ...(size === undefined && { source: `that of ${recipe}` }),
  };
}

/** Options for `readDataset`. Throws for an unknown layout. */
export function readOptions({
  layout,
  revision,
  imageColumn,
  textColumn,
  controlColumn,
  controlFolder,
  instancePrompt,
}: ReadOptions): DatasetOptions {
  const known = DATASET_LAYOUTS.find((name) => name === layout);
  if (layout !== undefined && known === undefined) {
    throw new UsageError(
      `Expected ${DATASET_LAYOUTS.join(", ")} for --layout but received ${layout}`,
    );
  }
  const columns = { imageColumn, textColumn, controlColumn };
  return { ...columns, revision, layout: known, controlFolder, instancePrompt };
}

const THUMBNAILS = 48;

/** `pixart dataset check LOCATION`; exit status 1 if nothing can be trained on. */
export async function datasetCheck(location: string, options: DatasetCheckOptions): Promise<void> {
  const { sheet: sheetPath } = options;
  const measure = await measureOf(options);
  const tokenizer =
    options.tokenizer === undefined
      ? undefined
      : await T5Tokenizer.fromPretrained(options.tokenizer);
  const dataset = await readDataset(location, readOptions(options));
  using progress = new PictureProgress("Looking at");
  const { report, sheet } = await checkDataset(dataset, {
    ...measure,
    tokenizer,
    thumbnails: sheetPath === undefined ? 0 : THUMBNAILS,
    onProgress: (done, total) => progress.update(done, total),
  });
  if (sheetPath !== undefined && sheet.size > 0) {
    const texts = new Map(dataset.entries.map(({ file, text }) => [file, text]));
    const files = [...sheet.keys()].sort();
    const picture = await contactSheet(
      files.flatMap((file) => sheet.get(file) ?? []),
      { columns: 8, labels: files.map((file) => texts.get(file) ?? "") },
    );
    await picture.save(sheetPath);
    say(`${sheet.size} thumbnails: ${sheetPath}`);
  }
  process.stdout.write(
    `${options.json ? JSON.stringify(report) : describeCheck(report, measure)}\n`,
  );
  if (!report.canTrain) {
    say(
      report.usable === 0
        ? "Nothing can be trained on: no picture could be decoded"
        : report.usable === report.heldOut
          ? `Nothing can be trained on: all pictures are of splits that are held out, ${describeSplits(report.splits)}`
          : `Training would stop: more than ${Number((100 * measure.maxUnreadable).toPrecision(3))} % of the pictures can't be read. Remove or repair them, or train with a higher dataset.maxUnreadable`,
    );
    process.exitCode = 1;
  }
}

const SHOWN = 5;

const some = (lines: readonly string[]): string[] => [
  ...lines.slice(0, SHOWN).map((line) => `  ${line}`),
  ...(lines.length > SHOWN ? [`  and ${lines.length - SHOWN} more`] : []),
];

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

const range = ({ min, median, max }: Spread): string => `${min} to ${max}, median ${median}`;

/** The report for people. */
function describeCheck(report: DatasetReport, { size, batch, maxLength, source }: Measure): string {
  const {
    missingCaption,
    missingControl,
    leftOut,
    unreadable,
    captions,
    tooSmall,
    duplicates,
    similar,
  } = report;
  return [
    `${report.location}: ${report.layout}`,
    `pictures          ${report.images}, of which ${report.usable - report.heldOut} can be trained on`,
    ...report.splits.map(
      ({ split, pictures, isHeldOut }) =>
        `${`split ${split ?? "(none)"}`.padEnd(18)}${pictures}${isHeldOut ? ", never trained on" : ""}`,
    ),
    ...report.notes.map((note) => `note              ${note}`),
    `without caption   ${missingCaption.length}`,
    ...some(missingCaption),
    ...(missingControl === null
      ? []
      : [`without control   ${missingControl.length}`, ...some(missingControl)]),
    ...(leftOut.length > 0
      ? [`left out          ${leftOut.length}`, ...indented(describeReasons(leftOut))]
      : []),
    `unreadable        ${unreadable.length}`,
    ...indented(describeReasons(unreadable)),
    ...describeCaptions(captions, maxLength),
    ...(report.usable > 0
      ? [
          `width             ${range(report.width)}`,
          `height            ${range(report.height)}`,
          `${`below ${size} px`.padEnd(18)}${tooSmall.length}, which would be enlarged${source === undefined ? "" : ` (${source})`}`,
          ...some(tooSmall),
        ]
      : []),
    `same pixels       ${duplicates.length} groups`,
    ...some(duplicates.map((group) => group.join(" = "))),
    `look alike        ${similar.length} groups`,
    ...some(similar.map((group) => group.join(" ~ "))),
    ...describeBuckets(report, size, batch),
    `fingerprint       ${report.fingerprint}`,
  ].join("\n");
}

function describeCaptions(captions: DatasetReport["captions"], maxLength: number): string[] {
  if (captions === null) return ["caption length    not counted: give --tokenizer"];
  return [
    `caption tokens    ${range(captions.tokens)}`,
    `${`cut at ${maxLength}`.padEnd(18)}${captions.cut.length}`,
    ...some(
      captions.cut.map(
        ({ file, cut }) => `${file} loses "${cut.length > 80 ? `${cut.slice(0, 80)}…` : cut}"`,
      ),
    ),
  ];
}

function describeBuckets({ buckets: plan }: DatasetReport, size: number, batch: number): string[] {
  if (plan === null)
    return [`buckets           none at ${size} px: pictures are cropped to squares`];
  return [
    `buckets at ${size} px, batches of ${batch}`,
    "  width × height   ratio   pictures   batches   in the last",
    ...plan.buckets.map(
      ({ width, height, ratio, images, batches, lastBatch }) =>
        `  ${`${width} × ${height}`.padEnd(15)}${ratio.toFixed(2).padStart(7)}${`${images}`.padStart(11)}${`${batches}`.padStart(10)}${`${lastBatch}`.padStart(14)}`,
    ),
    `  ${plan.batches} batches per epoch, ${plan.effectiveBatch.toFixed(2)} pictures per batch on average`,
  ];
}
