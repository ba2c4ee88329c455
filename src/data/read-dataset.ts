import { resolve } from "node:path";
import { DatasetError, expected, InvalidValueError } from "../errors/index.ts";
import { parseRepository, refuseRevision } from "../hub/index.ts";
import { isBlank } from "./caption-text.ts";
import type {
  ControlPicture,
  Dataset,
  DatasetEntry,
  DatasetLayout,
  DatasetOptions,
  Unreadable,
} from "./dataset.ts";
import { listHubDataset } from "./hub-dataset.ts";
import {
  ACCEPTED_LAYOUTS,
  type DetectedLayout,
  detectLayout,
  isContainer,
  SHARD_NAME,
  signedLayouts,
} from "./layouts/detect-layout.ts";
import { controlFile, type FoundPicture, type FoundPictures } from "./layouts/found-picture.ts";
import { listImageFolder } from "./layouts/image-folder.ts";
import { innerName, type Listing, listFiles, type UnreadEntry } from "./layouts/list-files.ts";
import { adviceFor } from "./layouts/other-data.ts";
import { listParquet, parquetContent } from "./layouts/parquet/parquet.ts";
import { isStrange, OTHER_PICTURE_NAME, PICTURE_NAME, stemOf } from "./layouts/picture-names.ts";
import { listPixArtJson } from "./layouts/pixart-json.ts";
import { OUTSIDE, type Within } from "./layouts/reading-bounds.ts";
import { countSplits, placeInSplits } from "./layouts/splits.ts";
import { holdsPictures, listWebDataset } from "./layouts/webdataset/webdataset.ts";
import { describeReasons } from "./reasons.ts";
import { recipeFolderAdvice } from "./recipe-folders.ts";

/**
 * Lists a data set of any layout: a folder, or a single `.parquet`, `.tar` or PixArt list; if none of that name exists, a data
 * set on the Hub, `org/name`, which is downloaded into the shared cache. The layout is detected from file names, and nothing is
 * decoded. Throws if there is no picture, if none has a caption (unless there is an `instancePrompt`), if layouts are mixed, and
 * for tables and containers that can't be read; also HubError.
 */
export async function readDataset(
  location: string,
  options: DatasetOptions = {},
): Promise<Dataset> {
  const { instancePrompt, classFolder, classPrompt, within } = options;
  if ((classFolder === undefined) !== (classPrompt === undefined)) {
    throw new InvalidValueError(
      `Expected classFolder and classPrompt together but received ${classFolder === undefined ? "classPrompt" : "classFolder"} alone`,
    );
  }
  if (instancePrompt?.trim() === "") {
    throw expected("a caption", "instancePrompt", '""');
  }
  const classEntries =
    classFolder === undefined
      ? []
      : (
          await readListing(classFolder, await listFiles(classFolder, within), {
            instancePrompt: classPrompt,
          })
        ).entries;
  const place = parseRepository(location, "dataset", recipeFolderAdvice(location));
  if ("path" in place) {
    refuseRevision(place.path, options.revision);
    const listing = await listFiles(place.path, within);
    return { ...(await readListing(place.path, listing, options)), classEntries };
  }
  const listing = await listHubDataset(place.name, options);
  return { ...(await readListing(listing.root, listing, options)), classEntries };
}

async function readListing(
  location: string,
  listing: Listing,
  options: DatasetOptions,
): Promise<Omit<Dataset, "classEntries">> {
  const { instancePrompt } = options;
  const { layout, notes } = await layoutOf(listing, options);
  const found = await list(layout, listing, options);
  const placed = placeInSplits(found.pictures);
  const pictures = placed.pictures.toSorted((a, b) =>
    a.file < b.file ? -1 : Number(a.file > b.file),
  );
  const texts = pictures.map(
    ({ text = "" }) => instancePrompt ?? (isBlank(text) ? undefined : text),
  );
  const instead = options.acceptUncaptioned ? "" : undefined;
  const captioned = pictures.flatMap((picture, i) =>
    instancePrompt === undefined
      ? withText(picture, texts[i] ?? instead)
      : [withPrompt(picture, instancePrompt)],
  );
  const entries = await withControls(captioned, options);
  const missingCaption = pictures.flatMap(({ path }, i) => (texts[i] === undefined ? [path] : []));
  const unnamed = unnamedPictures(listing);
  const listed = new Set(found.unreadable.map(({ path }) => path)); // named by a table
  const outside = (listing.outside ?? []).filter(({ path }) => !listed.has(path));
  const unreadable = [
    ...found.unreadable,
    ...unnamed.unreadable,
    ...outside.map(({ path }) => ({ path, reason: OUTSIDE })),
  ];
  const leftOut = [...found.leftOut, ...looseFiles(layout, listing, found), ...unnamed.leftOut];
  const notPictures = outside.filter((entry) => !mayBePicture(entry)).length;
  const images = pictures.length + unreadable.length + leftOut.length - notPictures;
  if (images === 0) {
    throw new DatasetError(
      [
        `${resolve(location)} contains no pictures. ${ACCEPTED_LAYOUTS}.`,
        ...(await adviceFor(listing, images)),
      ].join("\n"),
    );
  }
  if (entries.length === 0) {
    const counts =
      `${missingCaption.length} ${missingCaption.length === 1 ? "has" : "have"} no caption, ${unreadable.length} can't be read` +
      (leftOut.length > 0
        ? `, ${leftOut.length} ${leftOut.length === 1 ? "is" : "are"} left out`
        : "");
    const lines = [
      ...describeReasons([...unreadable, ...leftOut]),
      ...captionAdvice(pictures, options),
      ...(await adviceFor(listing, images)),
    ];
    throw new DatasetError(
      [
        `${resolve(location)} (${layout}) contains ${images} picture${images === 1 ? "" : "s"} but none that can be used: ${counts}. ${ACCEPTED_LAYOUTS}.`,
        ...lines,
      ].join("\n  "),
    );
  }
  return {
    location: resolve(location),
    layout,
    entries,
    images,
    captioned: entries.length,
    missingCaption,
    unreadable: unreadable.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    leftOut: leftOut.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    splits: countSplits(entries),
    notes: [...notes, ...placed.notes],
  };
}

/** The given layout, else the detected one. */
async function layoutOf(listing: Listing, options: DatasetOptions): Promise<DetectedLayout> {
  const { layout, instancePrompt } = options;
  if (layout === undefined) {
    return detectLayout(listing, instancePrompt !== undefined, async (kind, file) => {
      if (kind === "parquet") return parquetContent(file, options);
      return (await holdsPictures(file)) ? "pictures" : "nothing";
    });
  }
  const others = signedLayouts(listing).filter((sign) => sign.layout !== layout);
  return {
    layout,
    notes: others.map(
      ({ layout: other, file }) =>
        `${file} (${other}) is not read, since the layout ${layout} was named`,
    ),
  };
}

/** Pictures next to containers and lists that are not part of them. */
function looseFiles(layout: DatasetLayout, { files }: Listing, found: FoundPictures): Unreadable[] {
  if (!isContainer(layout) && layout !== "pixart-json") return [];
  const listed = new Set(
    [...found.pictures, ...found.unreadable, ...found.leftOut].map(({ path }) => path),
  );
  for (const { control } of found.pictures) if (control !== undefined) listed.add(control.path);
  const reason = `is not listed in the ${layout} data next to it, and only what is listed is read`;
  return files
    .filter((file) => PICTURE_NAME.test(file) && !listed.has(file))
    .map((path) => ({ path, reason }));
}

/** Entries that may be or contain a picture but can't be opened by their name. */
function unnamedPictures({ unnamed = [] }: Listing): Pick<FoundPictures, "unreadable" | "leftOut"> {
  const listed = ({ path, isFolder }: UnreadEntry): Unreadable => ({
    path,
    reason: `its name is not UTF-8${isFolder ? ", so what is in it is not seen" : ""}; rename it`,
  });
  const others = unnamed.filter(
    (entry) =>
      !mayBePicture(entry) && (OTHER_PICTURE_NAME.test(entry.path) || isStrange(entry.path)),
  );
  return { unreadable: unnamed.filter(mayBePicture).map(listed), leftOut: others.map(listed) };
}

/** Whether an entry that is not read may be or contain a picture. */
const mayBePicture = ({ path, isFolder }: UnreadEntry): boolean =>
  isFolder || PICTURE_NAME.test(path) || isShard(path);

const isShard = (path: string): boolean => SHARD_NAME.test(path) || /\.parquet$/i.test(path);

function list(
  layout: DatasetLayout,
  listing: Listing,
  options: DatasetOptions,
): Promise<FoundPictures> {
  switch (layout) {
    case "parquet":
      return listParquet(listing, options);
    case "webdataset":
      return listWebDataset(listing, options);
    case "pixart-json":
      return listPixArtJson(listing);
    default:
      return listImageFolder(layout, listing, options);
  }
}

/** The picture itself if its own caption is the one to train on, so that large sets are not held twice. */
function withText(picture: FoundPicture, text: string | undefined): DatasetEntry[] {
  if (text === undefined) return [];
  if (hasText(picture) && picture.text === text) return [picture];
  return [withPrompt(picture, text)];
}

/** A picture with another caption in place of all its own. */
function withPrompt(picture: FoundPicture, text: string): DatasetEntry {
  const { file, path, columns, control } = picture;
  return { file, path, text, columns, control, read: () => picture.read() };
}

/** Adds the control pictures with the same names, if there is a folder of them. */
async function withControls(
  entries: readonly DatasetEntry[],
  { controlFolder, within }: DatasetOptions,
): Promise<readonly DatasetEntry[]> {
  if (controlFolder === undefined) return entries;
  const controls = await controlsIn(controlFolder, within);
  return entries.map((entry) => {
    const { file, path, text, captions, columns } = entry;
    const control = controls.get(stemOf(file));
    return { file, path, text, captions, columns, control, read: () => entry.read() };
  });
}

/** Control pictures by their paths below a folder, without extension. */
async function controlsIn(folder: string, within: Within): Promise<Map<string, ControlPicture>> {
  const { root, files } = await listFiles(folder, within);
  const controls = new Map<string, ControlPicture>();
  for (const path of files.filter((file) => PICTURE_NAME.test(file))) {
    const stem = stemOf(innerName(root, path));
    const earlier = controls.get(stem);
    if (earlier !== undefined) {
      throw new DatasetError(
        `Expected one control picture of each name but found ${earlier.path} and ${path}. Keep one of them`,
      );
    }
    controls.set(stem, controlFile(path, within));
  }
  return controls;
}

/** Lists the existing columns, if captions are in none of the usual ones. */
function captionAdvice(
  pictures: readonly FoundPicture[],
  { textColumn, instancePrompt }: DatasetOptions,
): string[] {
  const columns = [...new Set(pictures.flatMap((picture) => Object.keys(picture.columns)))];
  if (instancePrompt !== undefined || columns.length === 0) return [];
  return [
    `Expected captions in the column ${textColumn ?? "text, caption or prompt"} but found the columns ${columns.sort().join(", ")}; name the one with --text-column or dataset.textColumn`,
  ];
}

const hasText = (picture: FoundPicture): picture is FoundPicture & { readonly text: string } =>
  picture.text !== undefined;
