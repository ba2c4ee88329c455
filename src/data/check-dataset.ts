import { createHash } from "node:crypto";
import { ImageError, RgbImage } from "../images/index.ts";
import { type BatchEncoding, prepareCaption, type T5Tokenizer } from "../text/index.ts";
import {
  BUCKET_SIZES,
  type BucketPlan,
  type PictureSize,
  planBuckets,
  trainingBuckets,
} from "./buckets.ts";
import type { Dataset, DatasetEntry, SplitCount, Unreadable } from "./dataset.ts";
import { differenceHash, equalGroups, pixelHash, similarGroups } from "./duplicates.ts";
import { countSplits, isHeldOut } from "./layouts/splits.ts";
import { MAX_UNREADABLE } from "./load-pictures.ts";
import { mapConcurrent } from "./map-concurrent.ts";

/** Options of `checkDataset`. */
export interface CheckDatasetOptions {
  /** Side in pixels of the square pictures of training. */
  readonly size: number;
  /** Pictures a step. */
  readonly batch: number;
  /** Without one, captions are not counted in tokens. */
  readonly tokenizer?: T5Tokenizer | undefined;
  /** Most tokens of a caption. */
  readonly maxLength: number;
  /** How many thumbnails are kept, spread over the set. */
  readonly thumbnails?: number;
  /** Called as pictures are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A caption that loses its end. */
export interface CutCaption {
  readonly file: string;
  /** The part beyond the tokenizer's limit. */
  readonly cut: string;
}

/** Least, middle and most. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** What `checkDataset` found. */
export interface DatasetReport {
  readonly location: string;
  readonly layout: Dataset["layout"];
  readonly images: number;
  /** Pictures with a caption that could be decoded. */
  readonly usable: number;
  /** How many of them are of splits that are never trained on. */
  readonly heldOut: number;
  /** Usable pictures by split; empty where nothing marks splits. */
  readonly splits: readonly SplitCount[];
  /** What was assumed or passed over. */
  readonly notes: readonly string[];
  readonly missingCaption: readonly string[];
  /** Pictures that have no control picture; null where none has one. */
  readonly missingControl: readonly string[] | null;
  readonly leftOut: readonly Unreadable[];
  readonly unreadable: readonly Unreadable[];
  /** Whether training starts: there are pictures that are not held out, and at most 5 % are unreadable. */
  readonly canTrain: boolean;
  /** Of captions and dense captions; null where there was no tokenizer. */
  readonly captions: { readonly tokens: Spread; readonly cut: readonly CutCaption[] } | null;
  readonly width: Spread;
  readonly height: Spread;
  /** What pictures were compared with. */
  readonly size: number;
  /** Pictures whose short side is below `size`: they are enlarged. */
  readonly tooSmall: readonly string[];
  /** Of the pictures that are not held out. Null where PixArt has no table for `size`: pictures are then cropped to squares. */
  readonly buckets: BucketPlan | null;
  /** Files with the same pixels. */
  readonly duplicates: readonly (readonly string[])[];
  /** Files that look alike and are not the same. */
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

/** Decoded pictures of any size may be large, so few are held at once. */
const CONCURRENCY = 4;
const THUMBNAIL_PX = 128;

/** What a look at every picture gives. */
export interface DatasetCheck {
  readonly report: DatasetReport;
  /** Thumbnails by file. */
  readonly sheet: ReadonlyMap<string, RgbImage>;
  /** Of the pictures that could be decoded, by file. */
  readonly sizes: ReadonlyMap<string, PictureSize>;
}

/** Decodes every picture of a data set once and tells what training would make of it. */
export async function checkDataset(
  dataset: Dataset,
  { size, batch, tokenizer, maxLength, thumbnails = 0, onProgress }: CheckDatasetOptions,
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
      unreadable.length <= MAX_UNREADABLE * (entries.length + dataset.unreadable.length),
    captions: tokenizer === undefined ? null : countTokens(seen, tokenizer, maxLength),
    width: spread(seen.map(({ width }) => width)),
    height: spread(seen.map(({ height }) => height)),
    size,
    tooSmall: seen
      .filter(({ width, height }) => Math.min(width, height) < size)
      .map(({ entry }) => entry.file),
    buckets: BUCKET_SIZES.includes(size)
      ? planBuckets(trained, trainingBuckets(size), batch)
      : null,
    duplicates: exact.map(names),
    similar: similar.map(names),
    fingerprint: fingerprint.digest("hex"),
  };
  const sizes = new Map(seen.map(({ entry, width, height }) => [entry.file, { width, height }]));
  return { report, sheet, sizes };
}

/** Throws ImageError where a picture has a control picture that cannot be decoded: training leaves both out. */
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
    tokenizer.encode([text], { maxLength: most, padding: "longest", truncation: true });
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
