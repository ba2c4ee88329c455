import { existsSync } from "node:fs";
import type { DatasetEntry, DatasetLayout, DatasetOptions, Unreadable } from "../data/dataset.ts";
import { readDataset } from "../data/read-dataset.ts";
import { withLock } from "../files/locks/with-lock.ts";
import { ImageError, RgbImage } from "../images/index.ts";
import { CaptionJournal, type JournalAnswer } from "./caption-journal.ts";
import {
  type CaptionPicturesOptions,
  type CaptionRun,
  captionPictures,
  shrunk,
} from "./caption-pictures.ts";
import { type CaptionTarget, captionTarget, journalPath } from "./caption-target.ts";
import type { ChatEndpoint } from "./chat-endpoint.ts";
import { denseCaptionOf } from "./dense-caption.ts";
import { type ReviewedPicture, THUMBNAIL_PX, writeReviewPage } from "./review-page.ts";
import {
  type DenseCaptions,
  writeCaptionedDataset,
  writeCaptionsBeside,
} from "./write-captions.ts";

/** Options of `captionDataset`. */
export interface CaptionDatasetOptions extends CaptionPicturesOptions {
  /** How the data set is read. */
  readonly read?: DatasetOptions;
  /** A new folder for the captioned data set, instead of the data set's own `metadata.jsonl`. */
  readonly out?: string | undefined;
  /** Where answers are stored, instead of `captions-journal.jsonl` in the folder or next to `out`. */
  readonly journal?: string | undefined;
  /**
   * Also sends pictures that already have a dense caption, and replaces it. Answers from before the overwrite do not count; after
   * one that was stopped or had failures, the next call continues it.
   */
  readonly overwrite?: boolean;
  /** An HTML file for reviewing the captions; overwritten if it exists. */
  readonly sheet?: string | undefined;
  /** Called if another process is captioning with the same journal. */
  readonly onWait?: () => void;
  /** Called before the first request. */
  readonly onPlan?: (plan: CaptionPlan) => void;
}

/** What a run is about to do, in numbers. */
export interface CaptionPlan {
  readonly pictures: number;
  /** Pictures that already have a dense caption in the data set, and keep it. */
  readonly haveOne: number;
  /** Pictures with an answer in the journal from an earlier run; when overwriting, since the overwrite began. */
  readonly inJournal: number;
  /** Pictures to send. */
  readonly wanted: number;
  /** Answers in the journal from other models or to other prompts, which are ignored. */
  readonly otherAnswers: number;
}

/** Result of `captionDataset`. */
export interface CaptionReport extends CaptionPlan, Omit<CaptionRun, "stopped"> {
  readonly location: string;
  readonly layout: DatasetLayout;
  /** Pictures without a dense caption, with the reason: those that can't be read and those that the endpoint did not caption. */
  readonly failures: readonly Unreadable[];
  /** Captions in the journal that were cut off at the token limit. */
  readonly cut: number;
  readonly stopped: CaptionRun["stopped"];
  readonly journal: string;
  /** The `metadata.jsonl` or the new folder with the captions; null if none was written. */
  readonly result: string | null;
}

const REVIEWED = 200;

/**
 * Writes dense captions for the pictures of a data set, the paper's third design. Answers are stored in a journal as they arrive,
 * so that the next call only sends what is missing. At the end they are written where training reads them, keeping the previous
 * file. Throws if no run is possible; the report says how a run ended.
 */
export async function captionDataset(
  location: string,
  endpoint: ChatEndpoint,
  options: CaptionDatasetOptions,
): Promise<CaptionReport> {
  const read = { ...options.read, acceptUncaptioned: true };
  const dataset = await readDataset(location, read);
  const target = await captionTarget(location, dataset, read, options.out);
  const path = options.journal ?? journalPath(target);
  return withLock(`${path}.lock`, options.onWait ?? (() => {}), async () => {
    const { model } = endpoint;
    using journal = await CaptionJournal.open(path, { model, prompt: options.prompt });
    if (options.overwrite) journal.beginOverwrite();
    const open = dataset.entries.filter(
      (entry) => options.overwrite || denseCaptionOf(entry) === undefined,
    );
    const answerFor = (entry: DatasetEntry): JournalAnswer | undefined =>
      usable(journal.captions.get(entry.file), entry);
    const wanted = open.filter((entry) => answerFor(entry) === undefined);
    const plan: CaptionPlan = {
      pictures: dataset.entries.length,
      haveOne: dataset.entries.length - open.length,
      inJournal: open.length - wanted.length,
      wanted: wanted.length,
      otherAnswers: journal.others,
    };
    options.onPlan?.(plan);
    const run = await captionPictures(wanted, endpoint, journal, options);
    const captions = new Map(
      open.flatMap((entry) => {
        const answer = answerFor(entry);
        return answer === undefined ? [] : [[entry.file, answer] as const];
      }),
    );
    const result = await write(location, dataset.entries, captions, target, run, options);
    const isComplete = run.stopped === undefined && run.failures.length === 0;
    if (options.overwrite && isComplete) journal.endOverwrite();
    if (options.sheet !== undefined) {
      const rows = await reviewed(dataset.entries, captions);
      await writeReviewPage(options.sheet, `Captions of ${dataset.location}`, rows);
    }
    return {
      location: dataset.location,
      layout: dataset.layout,
      ...plan,
      ...run,
      failures: [...dataset.unreadable, ...run.failures],
      cut: [...captions.values()].filter(({ cut }) => cut).length,
      journal: path,
      result: result ?? null,
    };
  });
}

/** An answer, unless the picture has got another dense caption since it was asked for: someone may have written that by hand. */
function usable(answer: JournalAnswer | undefined, entry: DatasetEntry): JournalAnswer | undefined {
  const dense = denseCaptionOf(entry);
  const isKnown = dense === undefined || dense === answer?.caption || dense === answer?.replaces;
  return isKnown ? answer : undefined;
}

/** A new data set is written once every picture was sent: an existing folder is never changed. */
async function write(
  location: string,
  entries: readonly DatasetEntry[],
  captions: DenseCaptions,
  target: CaptionTarget,
  { stopped }: CaptionRun,
  { read = {} }: CaptionDatasetOptions,
): Promise<string | undefined> {
  if (target.kind === "out") {
    if (stopped !== undefined) return undefined;
    await writeCaptionedDataset(location, target.folder, captions, { read });
    return target.folder;
  }
  if (captions.size > 0) await writeCaptionsBeside(target.metadata, entries, captions, read);
  return existsSync(target.metadata) ? target.metadata : undefined;
}

/** A sample of the captioned pictures, spread evenly over the set. */
async function reviewed(
  entries: readonly DatasetEntry[],
  captions: ReadonlyMap<string, JournalAnswer>,
): Promise<ReviewedPicture[]> {
  const captioned = entries.filter(
    (entry) => captions.has(entry.file) || denseCaptionOf(entry) !== undefined,
  );
  const step = Math.max(1, captioned.length / REVIEWED);
  const count = Math.min(REVIEWED, captioned.length);
  const rows: ReviewedPicture[] = [];
  for (let i = 0; i < count; i += 1) {
    const entry = captioned[Math.floor(i * step)];
    const image = entry && (await thumbnailOf(entry));
    if (entry === undefined || image === undefined) continue;
    const { file, text } = entry;
    const { caption: dense = denseCaptionOf(entry) ?? "", cut = false } = captions.get(file) ?? {};
    rows.push({ file, image, raw: text, dense, cut });
  }
  return rows;
}

async function thumbnailOf(entry: DatasetEntry): Promise<RgbImage | undefined> {
  try {
    const image = await RgbImage.decode(await entry.read(), { name: entry.path });
    return await shrunk(image, THUMBNAIL_PX);
  } catch (error) {
    if (error instanceof ImageError) return undefined; // it is listed in the failures, if it was sent
    throw error;
  }
}
