import { basename, dirname, join } from "node:path";
import { HubError, type ResolvedFiles, resolveFiles, UnknownRevisionError } from "../hub/index.ts";
import type { DatasetLayout, DatasetOptions } from "./dataset.ts";
import {
  filesOf,
  isContainer,
  isPackedShard,
  type LayoutSign,
  refuseMixed,
  signedLayouts,
} from "./layouts/detect-layout.ts";
import { isVisible, type Listing } from "./layouts/list-files.ts";
import { PICTURE_NAME } from "./layouts/picture-names.ts";
import { SideCars } from "./layouts/side-cars.ts";
import { splitOf } from "./layouts/splits.ts";
import { recipeFolderAdvice } from "./recipe-folders.ts";

/** Where the Hub keeps its conversion of a data set's main branch: `{configuration}/{split}/0000.parquet`. */
const CONVERSION = "refs/convert/parquet";

/** Data sets that recipes name but the Hub no longer has. */
const TAKEN_DOWN: ReadonlyMap<string, string> = new Map([
  [
    "lambdalabs/pokemon-blip-captions",
    "it was taken down from the Hub in April 2024: take a data set of the same form with --cfg-options dataset.folder=lambdalabs/naruto-blip-captions, or a folder of your own, or one with a copy of it",
  ],
]);

/**
 * Downloads a data set from the Hub and lists the files to read. Its own files are used if they have a supported layout, else the
 * Hub's conversion to parquet; if parquet files name splits, only those of `train`. Code in the repository is ignored. Throws
 * HubError.
 */
export async function listHubDataset(name: string, options: DatasetOptions): Promise<Listing> {
  const advice = TAKEN_DOWN.get(name);
  return listRepository(name, options).catch((error: unknown) => {
    if (advice === undefined || !(error instanceof HubError)) throw error;
    throw new HubError(`${error.message}; ${advice}`, { cause: error });
  });
}

async function listRepository(name: string, options: DatasetOptions): Promise<Listing> {
  const { revision } = options;
  if (revision === CONVERSION) return listConversion(name);
  const choose = (paths: readonly string[]): string[] => ownFiles(paths, options);
  const repository = { type: "dataset", name, advice: recipeFolderAdvice(name) } as const;
  const own = await resolveFiles(repository, { revision, choose });
  if (own.files.length > 0) return listingOf(own);
  refuseMixed(name, ownLayouts(own.paths, options));
  const folders = ownConfigurations(candidates(own.paths, options.layout));
  if (folders.length > 0) {
    throw new HubError(
      `${name}: expected parquet files of one configuration, or of one in a folder ${DEFAULT_FOLDERS.join(" or ")}, but found ${some(folders)}; download the files of one and name their folder`,
    );
  }
  try {
    if (revision === undefined) return await listConversion(name);
  } catch (error) {
    if (!(error instanceof UnknownRevisionError)) throw error;
  }
  throw new HubError(
    `${name}: expected parquet or tar files, or pictures with captions, in commit ${own.commit}${revision === undefined ? ` or a conversion to parquet at ${CONVERSION}` : ""} but found ${some(own.paths)}`,
  );
}

async function listConversion(name: string): Promise<Listing> {
  const found = await resolveFiles(
    { type: "dataset", name },
    { revision: CONVERSION, choose: convertedFiles },
  );
  if (found.files.length === 0) {
    throw new HubError(
      `${name}: expected one configuration, or one that is called default, at ${CONVERSION} but found ${some(configurationsOf(found.paths))}; download the files of one and name their folder`,
    );
  }
  if (found.files.some((path) => path.includes("/partial-"))) {
    process.stderr.write(
      `${name}: the Hub has converted the first part of this data set only; the rest is not read\n`,
    );
  }
  return listingOf(found);
}

const listingOf = ({ folder, files }: ResolvedFiles): Listing => ({
  root: folder,
  files: files.map((path) => join(folder, path)).sort(),
});

/** The files of the single layout that a repository has; empty if it has none or several. */
function ownFiles(paths: readonly string[], options: DatasetOptions): string[] {
  const [only, ...others] = ownLayouts(paths, options);
  if (only === undefined || others.length > 0) return [];
  const files = candidates(paths, options.layout);
  const signs = filesOf(only.layout, { root: "", files });
  const pictures = files.filter((path) => PICTURE_NAME.test(path));
  switch (only.layout) {
    case "parquet":
      // The Hub's name for a table whose pictures are separate files.
      return signs.some((path) => basename(path) === "metadata.parquet")
        ? [...trainFiles(signs), ...pictures]
        : ownParquet(signs);
    case "webdataset":
      return signs;
    default:
      return [...signs, ...pictures, ...new SideCars(files).files];
  }
}

/** Layouts with something to read: containers, and tables, captions or a prompt for existing pictures. */
function ownLayouts(
  paths: readonly string[],
  { layout, instancePrompt }: DatasetOptions,
): LayoutSign[] {
  const files = candidates(paths, layout);
  const listing = { root: "", files };
  const picture = listing.files.find((path) => PICTURE_NAME.test(path));
  const sideCar = new SideCars(listing.files).files[0];
  const signed = signedLayouts(listing).filter(
    (sign) => isContainer(sign.layout) || picture !== undefined,
  );
  const beside: LayoutSign[] =
    sideCar !== undefined
      ? [{ layout: "side-cars", file: sideCar }]
      : picture !== undefined && instancePrompt !== undefined
        ? [{ layout: "pictures", file: picture }]
        : [];
  const found = [...signed, ...beside];
  if (layout !== undefined) return found.filter((sign) => sign.layout === layout);
  return signed.length > 0 ? signed : beside;
}

/** `{configuration}/{split}-00000-of-00001.parquet`: a split's first file. */
const FIRST_OF_SPLIT = /^(?:(.*)\/)?([^/]+)-0+-of-\d+[^/]*\.parquet$/;

/** Where the Hub's library puts the default configuration. */
const DEFAULT_FOLDERS: readonly string[] = ["data", "default"];

/** The folders that each contain the first file of the same split; empty if no split begins in more than one folder. */
function ownConfigurations(paths: readonly string[]): string[] {
  const bySplit = new Map<string, Set<string>>();
  for (const path of paths) {
    const [found, folder = "", split = ""] = FIRST_OF_SPLIT.exec(path) ?? [];
    if (found !== undefined) bySplit.set(split, (bySplit.get(split) ?? new Set()).add(folder));
  }
  const several = [...bySplit.values()].filter(({ size }) => size > 1);
  return [...new Set(several.flatMap((folders) => [...folders]))];
}

/** The parquet files of the only or default configuration: others often hold the same pictures. Empty if there is no such one. */
function ownParquet(paths: readonly string[]): string[] {
  const folders = ownConfigurations(paths);
  if (folders.length === 0) return trainFiles(paths);
  const chosen = DEFAULT_FOLDERS.find((folder) => folders.includes(folder));
  return trainFiles(paths.filter((path) => chosen !== undefined && dirname(path) === chosen));
}

/** The files of `train` if there are any, else all. */
function trainFiles(files: readonly string[]): string[] {
  const train = files.filter((path) => ["train", "training"].includes(splitOf(path) ?? ""));
  return train.length > 0 ? train : [...files];
}

const CONVERTED = /^([^/]+)\/[^/]+\/\d+\.parquet$/;

const configurationsOf = (paths: readonly string[]): string[] => [
  ...new Set(paths.flatMap((path) => CONVERTED.exec(path)?.[1] ?? [])),
];

/** Files of one configuration: others often hold the same pictures. */
function convertedFiles(paths: readonly string[]): string[] {
  const configurations = configurationsOf(paths);
  const chosen = configurations.length === 1 ? configurations[0] : "default";
  return trainFiles(paths.filter((path) => CONVERTED.exec(path)?.[1] === chosen));
}

/** A repository's .tar.gz is more often an archive for its script than a shard, unless the layout is given. */
const candidates = (paths: readonly string[], layout: DatasetLayout | undefined): string[] =>
  visible(paths).filter((path) => layout === "webdataset" || !isPackedShard(path));

const visible = (paths: readonly string[]): string[] => paths.filter(isVisible).sort();

function some(paths: readonly string[]): string {
  const shown = paths.slice(0, 10).join(", ") || "nothing";
  return paths.length > 10 ? `${shown} and ${paths.length - 10} more` : shown;
}
