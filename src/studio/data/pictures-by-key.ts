import type { DatasetEntry, DatasetOptions } from "../../data/dataset.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { pictureKey } from "../runs/addresses.ts";

/** The entries of a data set, by the keys under which the page asks for their pictures. */
export async function picturesByKey(
  folder: string,
  options: DatasetOptions,
): Promise<ReadonlyMap<string, DatasetEntry>> {
  const { entries } = await readDataset(folder, options);
  return new Map(entries.map((entry) => [pictureKey(entry.file), entry]));
}
