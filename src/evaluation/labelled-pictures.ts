import type { DatasetEntry } from "../data/dataset.ts";
import { loadPictures } from "../data/load-pictures.ts";
import { RgbImage } from "../images/index.ts";
import type { Label, LabelledImage } from "./retrieval.ts";

/** What a data set may say of a picture. */
interface Described {
  readonly thing?: string | undefined;
  readonly style?: string | undefined;
}

/** Whether it says both. */
export const isLabelled = <Example extends Described>(
  example: Example,
): example is Example & Label => example.thing !== undefined && example.style !== undefined;

/** Real pictures and what they are of, brought to squares of `size`. */
export async function labelledPictures(
  examples: readonly (Pick<DatasetEntry, "path" | "read"> & Label)[],
  size: number,
): Promise<LabelledImage[]> {
  const { data } = await loadPictures(examples, { size });
  const bytes = size * size * 3;
  return examples.map(({ thing, style }, i) => ({
    image: new RgbImage(size, size, data.subarray(i * bytes, (i + 1) * bytes)),
    thing,
    style,
  }));
}
