import { createHash } from "node:crypto";
import { ImageError, RgbImage } from "../images/index.ts";
import { TABLE_SIDES } from "../images/resolution-table.ts";
import { type BatchEncoding, prepareCaption, type T5Tokenizer } from "../text/index.ts";
import { type BucketPlan, type PictureSize, planBuckets, trainingBuckets } from "./buckets.ts";
import type { Dataset, DatasetEntry, SplitCount, Unreadable } from "./dataset.ts";
import { differenceHash, equalGroups, pixelHash, similarGroups } from "./duplicates.ts";
import { countSplits, isHeldOut } from "./layouts/splits.ts";
import { MAX_UNREADABLE } from "./load-pictures.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import { UnreadableLimit } from "./unreadable-limit.ts";

/** Options of `checkDataset`. */
export interface CheckDatasetOptions {
  /** Side in pixels of the square training pictures. */
  readonly size: number;
  /** Pictures per step. */
  readonly batch: number;
  /** Without one, the captions' tokens are not counted. */
  readonly tokenizer?: T5Tokenizer | undefined;
  /** Maximum tokens per caption. */
  readonly maxLength: number;
  /** Fraction of pictures that may be unreadable in the training. Default 0.05, as there. */
  readonly maxUnreadable?: number;
  /** How many thumbnails to keep, spread over the set. */
  readonly thumbnails?: number;
  /** Called as pictures are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A caption that gets truncated. */
export interface CutCaption {
  readonly file: string;
  /** The part beyond the token limit. */
  readonly cut: string;
}

/** Minimum, median and maximum. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Result of `checkDataset`. */
export interface DatasetReport {
  readonly location: string;
  readonly layout: Dataset["layout"];
  readonly images: number;
  /** Captioned pictures that could be decoded. */
  readonly usable: number;
  /** How many of them are in splits that are never trained on. */
  readonly heldOut: number;
  /** Usable pictures per split; empty if nothing marks splits. */
  readonly splits: readonly SplitCount[];
  /** Assumptions that were made, and what was ignored. */
  readonly notes: readonly string[];
  readonly missingCaption: readonly string[];
  /** Pictures without a control picture; null if no picture has one. */
  readonly missingControl: readonly string[] | null;
  readonly leftOut: readonly Unreadable[];
  readonly unreadable: readonly Unreadable[];
  /** Whether training would start: there are pictures that are not held out, and at most `maxUnreadable` are unreadable. */
  readonly canTrain: boolean;
  /** For captions and dense captions; null without a tokenizer. */
  readonly captions: { readonly tokens: Spread; readonly cut: readonly CutCaption[] } | null;
  readonly width: Spread;
  readonly height: Spread;
  /** The size that pictures were compared with. */
  readonly size: number;
  /** Pictures whose short side is below `size`, which are therefore enlarged. */
  readonly tooSmall: readonly string[];
  /** For pictures that are not held out. Null if PixArt has no table for `size`: pictures are then cropped to squares. */
  readonly buckets: BucketPlan | null;
  /** Groups of files with identical pixels. */
  readonly duplicates: readonly (readonly string[])[];
  /** Groups of files that look alike but are not identical. */
  readonly similar: readonly (readonly string[])[];
  /** SHA-256 over names, captions and pixels in order: the same for the same set in any layout. */
  readonly fingerprint: string;
}

/** One decoded picture, without its pixels. */
interface Seen extends PictureSize {
  readonly entry: DatasetEntry;
  readonly pixels: string;
  readonly look: Uint16Array;
}

/** Decoded pictures may be large, so only a few are held at once. */
const CONCURRENCY = 4;
const THUMBNAIL_PX = 128;

/** Result of examining every picture. */
export interface DatasetCheck {
  readonly report: DatasetReport;
  /** Thumbnails by file. */
  readonly sheet: ReadonlyMap<string, RgbImage>;
  /** Sizes of the pictures that could be decoded, by file. */
  readonly sizes: ReadonlyMap<string, PictureSize>;
}

/** Decodes every picture of a data set once and reports how training would use it. */
export async function checkDataset(
  dataset: Dataset,
  {
    size,
    batch,
    tokenizer,
    maxLength,
    maxUnreadable = MAX_UNREADABLE,
    thumbnails = 0,
    onProgress,
  }: CheckDatasetOptions,
): Promise<DatasetCheck> {
  const { entries } = dataset;
  const sheet = new Map<string, RgbImage>();
  const shown = new Set(
    Array.from({ length: thumbnails }, (_, i) => Math.floor((i * entries.length) / thumbnails)),
  );
  const failed: Unreadable[] = [];
  let done = 0;
  const results = await mapConcurrent(entries, CONCURRENCY, async (entry, index) => {
    try {
      const image = await RgbImage.decode(await entry.read(), { name: entry.path });
      await requireControl(entry);
      if (shown.has(index)) sheet.set(entry.file, await thumbnail(image));
      return [await look(entry, image)];
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      failed.push({ path: error.source, reason: error.reason });
      return [];
    } finally {
      done += 1;
      onProgress?.(done, entries.length);
    }
  });
  const seen = results.flat();
  const pictures = entries.length - failed.length;
  const unreadable = [...dataset.unreadable, ...failed].sort((a, b) => (a.path < b.path ? -1 : 1));
  const names = (indices: readonly number[]): string[] =>
    indices.map((index) => seen[index]?.entry.file ?? "");
  const exact = equalGroups(seen.map(({ pixels }) => pixels));
  const similar = similarGroups(seen.map((picture) => picture.look)).filter(
    (group) => new Set(group.map((index) => seen[index]?.pixels)).size > 1,
  );
  const fingerprint = createHash("sha256");
  for (const { entry, pixels } of seen) {
    fingerprint.update(JSON.stringify([entry.file, entry.text, pixels]));
  }
  const trained = seen.filter(({ entry }) => !isHeldOut(entry));
  const report: DatasetReport = {
    location: dataset.location,
    layout: dataset.layout,
    images: dataset.images,
    usable: seen.length,
    heldOut: seen.length - trained.length,
    splits: countSplits(seen.map(({ entry }) => entry)),
    notes: dataset.notes,
    missingCaption: dataset.missingCaption,
    missingControl: entries.some(({ control }) => control !== undefined)
      ? entries.filter(({ control }) => control === undefined).map(({ path }) => path)
      : null,
    leftOut: dataset.leftOut,
    unreadable,
    canTrain:
      trained.length > 0 &&
      new UnreadableLimit({ share: maxUnreadable, pictures, known: unreadable }).isKept,
    captions: tokenizer === undefined ? null : countTokens(seen, tokenizer, maxLength),
    width: spread(seen.map(({ width }) => width)),
    height: spread(seen.map(({ height }) => height)),
    size,
    tooSmall: seen
      .filter(({ width, height }) => Math.min(width, height) < size)
      .map(({ entry }) => entry.file),
    buckets: TABLE_SIDES.includes(size) ? planBuckets(trained, trainingBuckets(size), batch) : null,
    duplicates: exact.map(names),
    similar: similar.map(names),
    fingerprint: fingerprint.digest("hex"),
  };
  const sizes = new Map(seen.map(({ entry, width, height }) => [entry.file, { width, height }]));
  return { report, sheet, sizes };
}

/** Throws ImageError if a picture's control picture cannot be decoded: training leaves both out. */
async function requireControl({ control }: DatasetEntry): Promise<void> {
  if (control !== undefined) await RgbImage.decode(await control.read(), { name: control.path });
}

const look = async (entry: DatasetEntry, image: RgbImage): Promise<Seen> => ({
  entry,
  width: image.width,
  height: image.height,
  pixels: pixelHash(image),
  look: await differenceHash(image),
});

function thumbnail(image: RgbImage): Promise<RgbImage> {
  const scale = Math.min(1, THUMBNAIL_PX / Math.max(image.width, image.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  return image.resize(side(image.width), side(image.height));
}

function countTokens(
  seen: readonly Seen[],
  tokenizer: T5Tokenizer,
  maxLength: number,
): { tokens: Spread; cut: CutCaption[] } {
  const captions = seen.flatMap(({ entry: { file, text, columns } }) =>
    [text, columns.dense_text].flatMap((caption) =>
      typeof caption === "string" ? { file, text: prepareCaption(caption) } : [],
    ),
  );
  const encode = (text: string, most: number): BatchEncoding =>
    tokenizer.encode([text], { maxLength: most, padding: "longest" });
  const lengths = captions.map(({ text }) => encode(text, Number.MAX_SAFE_INTEGER).lengths[0] ?? 0);
  const cut = captions.flatMap(({ file, text }, index) =>
    (lengths[index] ?? 0) > maxLength
      ? [{ file, cut: encode(text, maxLength).truncated[0]?.dropped ?? "" }]
      : [],
  );
  return { tokens: spread(lengths), cut };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  return { min: at(0), median: at(sorted.length >> 1), max: at(sorted.length - 1) };
}
