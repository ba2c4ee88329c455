import { DatasetError } from "../../errors/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import type { DatasetLayout } from "../dataset.ts";
import { innerName, type Listing } from "./list-files.ts";
import { PICTURE_NAME, stemOf } from "./picture-names.ts";
import { SIDE_CARS, SideCars } from "./side-cars.ts";

/** Supported layouts, for messages if none is found. */
export const ACCEPTED_LAYOUTS =
  'Accepted are a metadata.jsonl with one {"file_name": …, "text": …} per line, a metadata.csv or captions.csv, ' +
  `a captions.json or captions.txt, next to each picture a caption file of the same name that ends in ${SIDE_CARS.join(" or ")}, ` +
  ".parquet files of the Hub, .tar files of WebDataset, and PixArt's own InternData; " +
  "an instance prompt takes pictures without captions";

/** The end of a shard's name. */
export const SHARD_NAME = /\.(tar|tar\.gz|tgz)$/i;

/** Mutually exclusive layouts, recognized by file names below the root. */
const SIGNS: readonly (readonly [DatasetLayout, RegExp])[] = [
  ["parquet", /\.parquet$/i],
  ["webdataset", SHARD_NAME],
  [
    "pixart-json",
    /^(InternData\/)?(partition(_filter)?\/[^/]+|data_info)\.json$|^InternData\/[^/]+\.json$/,
  ],
  ["jsonl", /(^|\/)metadata\.jsonl$/],
  ["csv", /(^|\/)(metadata|captions)\.[ct]sv$/],
  ["captions", /(^|\/)captions\.(json|txt)$/],
];

/** The files that identify a layout: tables, lists and containers. */
export function filesOf(layout: DatasetLayout, { root, files }: Listing): string[] {
  const sign = SIGNS.find(([name]) => name === layout)?.[1];
  const stems = new Set(files.filter((file) => PICTURE_NAME.test(file)).map(stemOf));
  return files.filter(
    (file) =>
      sign?.test(innerName(root, file)) &&
      // The caption of a picture named "captions" is not a list.
      !(layout === "captions" && stems.has(stemOf(file))),
  );
}

/** A layout of some files, and a file that identifies it. */
export interface LayoutSign {
  readonly layout: DatasetLayout;
  readonly file: string;
}

/** The layouts identified by tables, lists and containers. */
export const signedLayouts = (listing: Listing): LayoutSign[] =>
  SIGNS.flatMap(([layout]) => {
    const [file] = filesOf(layout, listing);
    return file === undefined ? [] : [{ layout, file: innerName(listing.root, file) }];
  });

/** Throws if several layouts are mixed in one place. */
export function refuseMixed(place: string, found: readonly LayoutSign[]): void {
  if (found.length < 2) return;
  const list = found.map(({ layout, file }) => `${layout} (${file})`);
  throw new DatasetError(
    `${place} contains several layouts: ${list.join(", ")}. Say which one to read: layout (--layout, dataset.layout)`,
  );
}

/** A layout, and notes on what is ignored in the folder. */
export interface DetectedLayout {
  readonly layout: DatasetLayout;
  readonly notes: readonly string[];
}

/** WebDataset shards, and the Hub's parquet tables. */
export type ContainerLayout = "parquet" | "webdataset";
export const isContainer = (layout: DatasetLayout): layout is ContainerLayout =>
  layout === "parquet" || layout === "webdataset";

/** What containers hold: pictures, paths of pictures next to them, or neither. */
export type ContainerContent = "pictures" | "paths" | "nothing";

/**
 * Detects the layout from file names. If a folder holds both pictures and containers, `look` tells what is in the containers:
 * those without pictures are ignored. Throws if several layouts are mixed, including captions next to pictures.
 */
export async function detectLayout(
  given: Listing,
  hasPrompt: boolean,
  look: (layout: ContainerLayout, file: string) => Promise<ContainerContent>,
): Promise<DetectedLayout> {
  const { listing, notes } = withoutArchives(given);
  const { root, files } = listing;
  const picture = files.find((file) => PICTURE_NAME.test(file));
  const [sideCar] = new SideCars(files).files;
  const found: LayoutSign[] = [];
  let isTable = false;
  for (const sign of signedLayouts(listing)) {
    const { layout } = sign;
    const content =
      isContainer(layout) && picture !== undefined
        ? await contentOf(layout, listing, look)
        : "pictures";
    if (content === "nothing") {
      notes.push(`${sign.file} contains no pictures and is skipped`);
    } else found.push(sign);
    if (!isContainer(layout) || content === "paths") isTable = true;
  }
  // Captions next to pictures are compatible with a table, which may leave some out.
  const beside: LayoutSign | undefined =
    isTable || picture === undefined
      ? undefined
      : sideCar !== undefined
        ? { layout: "side-cars", file: innerName(root, sideCar) }
        : hasPrompt
          ? { layout: "pictures", file: innerName(root, picture) }
          : undefined;
  const all = beside === undefined ? found : [beside, ...found];
  refuseMixed(root, all);
  return { layout: all[0]?.layout ?? "pictures", notes };
}

/** A .tar.gz next to pictures or tables is usually the archive they came from, and slow to examine. */
function withoutArchives({ root, files }: Listing): { listing: Listing; notes: string[] } {
  const rest = { root, files: files.filter((file) => !isPackedShard(file)) };
  const hasOthers =
    files.some((file) => PICTURE_NAME.test(file)) ||
    signedLayouts(rest).some(({ layout }) => layout !== "webdataset");
  if (!hasOthers) return { listing: { root, files }, notes: [] };
  const packed = files.filter(isPackedShard).map((file) => innerName(root, file));
  const note = "is not read; if it contains separate shards: --layout webdataset or dataset.layout";
  return { listing: rest, notes: packed.map((name) => `${name} ${note}`) };
}

/** Whether a file's name is that of a compressed shard or some other archive. */
export const isPackedShard = (file: string): boolean => /\.(tar\.gz|tgz)$/i.test(file);

/**
 * Content of the first container that holds something. A container that cannot be read counts as pictures, so that reading it
 * again reports why.
 */
async function contentOf(
  layout: ContainerLayout,
  listing: Listing,
  look: (layout: ContainerLayout, file: string) => Promise<ContainerContent>,
): Promise<ContainerContent> {
  for (const file of filesOf(layout, listing)) {
    const content = await look(layout, file).catch((error: unknown): ContainerContent => {
      if (error instanceof BadFileError) return "pictures";
      throw error;
    });
    if (content !== "nothing") return content;
  }
  return "nothing";
}
