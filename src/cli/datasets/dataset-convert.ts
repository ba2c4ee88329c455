import { WRITTEN_LAYOUTS } from "../../data/dataset.ts";
import { describeSplits } from "../../data/reasons.ts";
import { convertDataset } from "../../data/writing/convert-dataset.ts";
import { printResult } from "../terminal/output.ts";
import { PictureProgress } from "../terminal/picture-progress.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { type ReadOptions, readOptions } from "./dataset-check.ts";

/** Options of `pixart dataset convert`. */
export interface DatasetConvertOptions extends ReadOptions {
  readonly to: string;
  readonly maxShardMb?: number;
  readonly json?: boolean;
}

/** `pixart dataset convert IN OUT --to LAYOUT` */
export async function datasetConvert(
  location: string,
  out: string,
  options: DatasetConvertOptions,
): Promise<void> {
  const to = WRITTEN_LAYOUTS.find((layout) => layout === options.to);
  if (to === undefined) {
    throw new UsageError(
      `Expected ${WRITTEN_LAYOUTS.join(", ")} for --to but received ${options.to}`,
    );
  }
  using progress = new PictureProgress("Writing");
  const report = await convertDataset(location, out, {
    to,
    maxShardBytes: options.maxShardMb === undefined ? undefined : options.maxShardMb * 1e6,
    read: readOptions(options),
    onProgress: (done, total) => progress.update(done, total),
  });
  const { from, folder, pictures, unreadable, lostColumns, lostCaptions, renamed, splits } = report;
  say(`Wrote ${pictures} pictures: ${from} to ${to}`);
  if (splits.length > 0) say(`Splits, kept apart: ${describeSplits(splits)}`);
  for (const { path, reason } of unreadable) say(`Left out ${path}: ${reason}`);
  if (lostColumns.length > 0)
    say(
      to === "side-cars"
        ? `Not kept, since side-cars contain only captions: ${lostColumns.join(", ")}`
        : `Not kept, since their control pictures are not in the new data set: ${lostColumns.join(", ")}`,
    );
  if (lostCaptions > 0)
    say(
      `Not kept, since side-cars contain one caption per picture: ${lostCaptions} further captions`,
    );
  if (renamed > 0) say(`Renamed ${renamed} pictures with dots in their names`);
  printResult(options.json ? JSON.stringify({ ...report, to }) : folder);
}
