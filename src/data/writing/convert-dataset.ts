import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { DatasetError, expected, TargetExistsError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { Staging } from "../../files/staging.ts";
import { ACCEPTED_FORMATS, ImageError, type ImageFormat, sniffImage } from "../../images/index.ts";
import type {
  ControlPicture,
  DatasetEntry,
  DatasetLayout,
  DatasetOptions,
  SplitCount,
  Unreadable,
  WrittenLayout,
} from "../dataset.ts";
import { PICTURE_NAME, stemOf } from "../layouts/picture-names.ts";
import { captionsOf } from "../layouts/several-captions.ts";
import { countSplits, inSplitFolder, isHeldOut } from "../layouts/splits.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { readDataset } from "../read-dataset.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";
import { ImageFolderWriter } from "./image-folder-writer.ts";
import { ParquetDatasetWriter } from "./parquet-writer.ts";
import { PixArtJsonWriter } from "./pixart-json-writer.ts";
import { WebDatasetWriter } from "./webdataset-writer.ts";
import { controlFolderBeside, moveControls } from "./written-controls.ts";

/** Options of `convertDataset`. */
export interface ConvertDatasetOptions {
  readonly to: WrittenLayout;
  /** Size of a parquet file or tar after which the next one is started. Default 500 MB, as on the Hub. */
  readonly maxShardBytes?: number | undefined;
  /** Options for reading the data set. */
  readonly read?: DatasetOptions;
  /** Replaces a picture's own caption and columns. */
  readonly describe?: (entry: DatasetEntry) => Pick<DatasetEntry, "text" | "columns">;
  /** Called as pictures are written. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Result of `convertDataset`. */
export interface ConvertedDataset {
  /** Absolute path of the new folder. */
  readonly folder: string;
  readonly from: DatasetLayout;
  readonly pictures: number;
  /** Pictures and control pictures that were listed but not written. */
  readonly unreadable: readonly Unreadable[];
  /** Columns that the layout cannot store, and columns of control pictures that are not in the new folder. */
  readonly lostColumns: readonly string[];
  /** Captions beyond a picture's first that the layout cannot store. */
  readonly lostCaptions: number;
  /** Pictures whose names the layout cannot store unchanged. */
  readonly renamed: number;
  /** The splits of the data set; they stay separate. */
  readonly splits: readonly SplitCount[];
}

/** Number of pictures held at once. */
const AT_ONCE = 16;

/**
 * Writes the captioned pictures of a data set in another layout, with unchanged bytes, into a new folder. The folder gets its
 * name when everything is on disk: a killed run leaves a hidden `.tmp-…` next to it. Throws if the folder exists or if two
 * pictures would share a name or caption.
 */
export async function convertDataset(
  location: string,
  out: string,
  { to, maxShardBytes = 500e6, read, describe, onProgress }: ConvertDatasetOptions,
): Promise<ConvertedDataset> {
  const folder = resolve(out);
  if ((await lstat(folder).catch(() => undefined)) !== undefined) {
    throw new TargetExistsError(
      `Expected a new folder for the data set but received ${folder}, which exists`,
    );
  }
  if (!(maxShardBytes > 0)) {
    throw expected("a number above 0", "maxShardBytes", maxShardBytes);
  }
  const dataset = await readDataset(location, read);
  const all = describe === undefined ? dataset.entries : dataset.entries.map(told(describe));
  const { entries, lostColumns } = moveControls(all, to, read);
  const controlFolder = controlFolderBeside(entries);
  const hasHeldOut = entries.some(isHeldOut);
  await using staging = await Staging.beside(folder);
  await makeFolder(staging.path);
  const writer = writerOf(to, staging.path, { maxShardBytes, entries, hasHeldOut });
  const unreadable = [...dataset.unreadable];
  const names = new Names(to);
  let renamed = 0;
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const some = entries.slice(from, from + AT_ONCE);
    const pictures = await mapConcurrent(some, AT_ONCE, (entry) => readEntry(entry, unreadable));
    const placed = pictures.flatMap((picture): WrittenPicture[] => {
      if (picture === undefined) return [];
      // Side-cars have no columns: held-out pictures would be trained on.
      const place = to === "side-cars" && hasHeldOut ? inSplitFolder(picture) : picture.file;
      const file = writer.fileName?.(place) ?? place;
      names.add(file);
      if (file !== place) renamed += 1;
      const control = picture.control && {
        file: `${controlFolder}/${named(file, picture.control.format)}`,
        bytes: picture.control.bytes,
      };
      return [{ ...picture, file, control }];
    });
    await writer.add(placed);
    onProgress?.(Math.min(from + AT_ONCE, entries.length), entries.length);
  }
  if (names.count === 0)
    throw new DatasetError(`${dataset.location} contains no picture that can be read`);
  await writer.finish();
  return {
    folder: await staging.publish(),
    from: dataset.layout,
    pictures: names.count,
    unreadable,
    lostColumns: [
      ...(to === "side-cars"
        ? [...new Set(entries.flatMap(columnsBesideCaptions))].filter(
            (name) => name !== "split" || !hasHeldOut,
          )
        : []),
      ...lostColumns,
    ],
    lostCaptions:
      to === "side-cars" ? entries.reduce((n, e) => n + captionsOf(e).length - 1, 0) : 0,
    splits: countSplits(entries),
    renamed,
  };
}

const columnsBesideCaptions = (entry: DatasetEntry): string[] =>
  Object.keys(entry.columns).filter((name) => name !== "text" || captionsOf(entry).length === 1);

const told =
  (describe: NonNullable<ConvertDatasetOptions["describe"]>) =>
  (entry: DatasetEntry): DatasetEntry => {
    const { file, path, control } = entry;
    const { text, columns } = describe(entry);
    const captions = text === entry.text ? entry.captions : undefined;
    return { file, path, text, captions, columns, control, read: () => entry.read() };
  };

function writerOf(
  to: WrittenLayout,
  staging: string,
  {
    maxShardBytes,
    entries,
    hasHeldOut,
  }: { maxShardBytes: number; entries: readonly DatasetEntry[]; hasHeldOut: boolean },
): DatasetWriter {
  switch (to) {
    case "parquet":
      return new ParquetDatasetWriter(staging, maxShardBytes, entries);
    case "webdataset":
      return new WebDatasetWriter(staging, maxShardBytes, hasHeldOut);
    case "pixart-json":
      return new PixArtJsonWriter(staging);
    default:
      return new ImageFolderWriter(staging, to);
  }
}

/** A picture that was read, and its control picture. */
type ReadEntry = Omit<WrittenPicture, "control"> & { readonly control: ReadPicture | undefined };

/** Undefined if it can't be read; it is then listed. So is a control picture, without which the picture is written. */
async function readEntry(
  entry: DatasetEntry,
  unreadable: Unreadable[],
): Promise<ReadEntry | undefined> {
  const { file, text, captions, columns } = entry;
  const picture = await readPicture(entry, unreadable);
  if (picture === undefined) return undefined;
  const { bytes, format } = picture;
  const name = PICTURE_NAME.test(file) ? file : named(file, format);
  const control = entry.control && (await readPicture(entry.control, unreadable));
  return { file: name, bytes, text, captions, columns, control };
}

interface ReadPicture {
  readonly bytes: Uint8Array;
  readonly format: ImageFormat;
}

async function readPicture(
  picture: ControlPicture,
  unreadable: Unreadable[],
): Promise<ReadPicture | undefined> {
  const { path } = picture;
  try {
    const bytes = await picture.read();
    const sniffed = sniffImage(bytes);
    if ("format" in sniffed) return { bytes, format: sniffed.format };
    throw new ImageError(path, `expected ${ACCEPTED_FORMATS} but found ${sniffed.found}`);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    unreadable.push({ path, reason: error.reason });
    return undefined;
  }
}

/** A name that ends in the format's extension. */
const named = (file: string, format: ImageFormat): string =>
  file.endsWith(`.${EXTENSIONS[format]}`) ? file : `${file}.${EXTENSIONS[format]}`;

const EXTENSIONS: Readonly<Record<ImageFormat, string>> = {
  jpeg: "jpg",
  png: "png",
  webp: "webp",
  avif: "avif",
};

/** Rejects names that would overwrite each other. */
class Names {
  readonly #sharesCaption: boolean;
  readonly #names = new Set<string>();
  count = 0;

  constructor(to: WrittenLayout) {
    this.#sharesCaption = to === "side-cars" || to === "webdataset";
  }

  add(file: string): void {
    const name = this.#sharesCaption ? stemOf(file) : file;
    if (this.#names.has(name)) {
      throw new DatasetError(
        `${file} would share its ${this.#sharesCaption ? "caption's " : ""}name with another picture in this layout. Rename one, or use another layout`,
      );
    }
    this.#names.add(name);
    this.count += 1;
  }
}
