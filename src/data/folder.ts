import type { Dataset, DatasetEntry } from "./dataset.ts";
import { readDataset } from "./read-dataset.ts";

export type { Unreadable } from "./dataset.ts";
export type ImageEntry = DatasetEntry;
export type ImageFolder = Dataset & { readonly folder: string };

/** `readDataset` under its earlier name. */
export async function readImageFolder(folder: string): Promise<ImageFolder> {
  const dataset = await readDataset(folder);
  return { ...dataset, folder: dataset.location };
}
