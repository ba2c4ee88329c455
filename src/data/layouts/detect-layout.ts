import type { DatasetLayout } from "../dataset.ts";
import { innerName, type Listing } from "./list-files.ts";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";
import { SIDE_CARS, SideCars } from "./side-cars.ts";

/** What a data set may look like, for messages that find none. */
export const ACCEPTED_LAYOUTS =
  'Accepted are a metadata.jsonl with one {"file_name": …, "text": …} a line, a metadata.csv or captions.csv, ' +
  `a captions.json or captions.txt, beside each picture a caption file of the same name that ends in ${SIDE_CARS.join(" or ")}, ` +
  ".parquet files of the Hub, .tar files of WebDataset, and PixArt's own InternData; " +
  "an instance prompt takes pictures without captions";

/** The end of a shard's name. */
export const SHARD_NAME = /\.(tar|tar\.gz|tgz)$/i;

/** By the files' names below the root: the layouts that exclude each other. */
const SIGNS: readonly (readonly [DatasetLayout, RegExp])[] = [
  ["parquet", /\.parquet$/i],
  ["webdataset", SHARD_NAME],
  [
    "pixart-json",
    /^(InternData\/)?(partition(_filter)?\/[^/]+|data_info)\.json$|^InternData\/[^/]+\.json$/,
  ],
  ["jsonl", /(^|\/)metadata\.jsonl$/],
  ["csv", /(^|\/)(metadata|captions)\.csv$/],
  ["captions", /(^|\/)captions\.(json|txt)$/],
];

/** The files that give a layout away: tables, lists and containers. */
export function filesOf(layout: DatasetLayout, { root, files }: Listing): string[] {
  const sign = SIGNS.find(([name]) => name === layout)?.[1];
  const stems = new Set(files.filter((file) => PICTURE_NAME.test(file)).map(stemOf));
  return files.filter(
    (file) =>
      sign?.test(innerName(root, file)) &&
      // The caption of a picture that is called "captions" is no list.
      !(layout === "captions" && stems.has(stemOf(file))),
  );
}

/** A layout that files have, and a file that gives it away. */
export interface LayoutSign {
  readonly layout: DatasetLayout;
  readonly file: string;
}

/** The layouts that tables, lists and containers give away. */
export const signedLayouts = (listing: Listing): LayoutSign[] =>
  SIGNS.flatMap(([layout]) => {
    const [file] = filesOf(layout, listing);
    return file === undefined ? [] : [{ layout, file: innerName(listing.root, file) }];
  });

/** Throws where several layouts are mixed in a place. */
export function refuseMixed(place: string, found: readonly LayoutSign[]): void {
  if (found.length < 2) return;
  const list = found.map(({ layout, file }) => `${layout} (${file})`);
  throw new Error(
    `${place} holds several layouts: ${list.join(", ")}. Say which one to read: layout`,
  );
}

/** Recognises the layout by the names of the files. Throws where several are mixed. */
export function detectLayout(listing: Listing): DatasetLayout {
  const found = signedLayouts(listing);
  refuseMixed(listing.root, found);
  const [only] = found;
  if (only !== undefined) return only.layout;
  return new SideCars(listing.files).files.length > 0 ? "side-cars" : "pictures";
}
