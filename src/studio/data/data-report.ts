import type { DatasetCheck } from "../../data/check-dataset.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { DataPicture, DataReport } from "../api-types.ts";
import { checkedPictureAddress } from "../runs/addresses.ts";
import type { CheckOrder } from "./check-messages.ts";

/** Maximum number of pictures shown of each kind. */
const MOST_SHOWN = 60;
const MOST_GROUPS = 60;
const MOST_IN_GROUP = 12;
const MOST_SHAPES = 24;

/** The page's view of a data set check. */
export function dataReport(
  { job, base }: Pick<CheckOrder, "job" | "base">,
  { entries }: Dataset,
  { report, sizes }: DatasetCheck,
): DataReport {
  const texts = new Map(entries.map(({ file, text }) => [file, text]));
  const { captions, unreadable, tooSmall } = report;
  const cut = new Map((captions?.cut ?? []).map(({ file, cut: lost }) => [file, lost]));
  const picture = (file: string): DataPicture => ({
    name: file,
    url: checkedPictureAddress(job, file),
    ...(sizes.get(file) ?? { width: 0, height: 0 }),
    caption: texts.get(file) ?? "",
    cut: cut.get(file) ?? null,
  });
  const doubles = [...report.duplicates, ...report.similar];
  return {
    folder: report.location,
    base,
    resolution: report.size,
    pictures: report.images,
    captioned: entries.filter(({ text }) => text !== "").length,
    cut: captions === null ? null : cut.size,
    totals: {
      unreadable: unreadable.length,
      tooSmall: tooSmall.length,
      doubles: doubles.length,
    },
    unreadable: unreadable.slice(0, MOST_SHOWN).map(({ path, reason }) => ({ name: path, reason })),
    tooSmall: tooSmall.slice(0, MOST_SHOWN).map(picture),
    doubles: doubles
      .slice(0, MOST_GROUPS)
      .map((group) => group.slice(0, MOST_IN_GROUP).map(picture)),
    shapes: shapesOf({ report, sizes }),
    shown: entries.slice(0, MOST_SHOWN).map(({ file }) => picture(file)),
  };
}

/** The sizes that pictures are trained at, if there are several; otherwise their own sizes, the most frequent first. */
function shapesOf({ report, sizes }: Pick<DatasetCheck, "report" | "sizes">): DataReport["shapes"] {
  if (report.buckets !== null)
    return report.buckets.buckets.map(({ width, height, images }) => ({
      width,
      height,
      pictures: images,
    }));
  const counts = new Map<string, { width: number; height: number; pictures: number }>();
  for (const { width, height } of sizes.values()) {
    const key = `${width}x${height}`;
    const pictures = (counts.get(key)?.pictures ?? 0) + 1;
    counts.set(key, { width, height, pictures });
  }
  return [...counts.values()].sort((a, b) => b.pictures - a.pictures).slice(0, MOST_SHAPES);
}
