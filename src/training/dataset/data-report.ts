import { describeReasons } from "../../data/reasons.ts";
import type { TrainingData } from "./training-data.ts";

const SHOWN = 5;

/** A run's report on its data set, for the user. */
export interface DataReport {
  readonly line: string;
  /** What is left out, one sentence each. */
  readonly warnings: readonly string[];
}

/** Counts the pictures, and reports those left out because of their names or captions. */
export function reportOf({ dataset, train, heldout }: TrainingData): DataReport {
  const { location, layout, images, captioned, missingCaption, unreadable, leftOut } = dataset;
  return {
    line: `Data: ${location} (${layout}): ${images} pictures, ${captioned} with captions; ${train.length} to train on, ${heldout.length} held out`,
    warnings: [
      ...(missingCaption.length > 0
        ? [
            `${missingCaption.length} pictures have no caption and are left out: ${missingCaption.slice(0, SHOWN).join(", ")}`,
          ]
        : []),
      ...[...describeReasons(unreadable), ...describeReasons(leftOut)].map(
        (line) => `Left out: ${line}`,
      ),
    ],
  };
}
