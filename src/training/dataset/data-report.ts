import { describeReasons } from "../../data/reasons.ts";
import type { TrainingData } from "./training-data.ts";

const SHOWN = 5;

/** What a run found in its data set, for people. */
export interface DataReport {
  readonly line: string;
  /** What is left out, one sentence each. */
  readonly warnings: readonly string[];
}

/** How many pictures there are, and which are left out for what their names and captions say. */
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
      ...unreadable.map(({ path, reason }) => `${path} is left out: ${reason}`),
      ...describeReasons(leftOut).map((line) => `Left out: ${line}`),
    ],
  };
}
