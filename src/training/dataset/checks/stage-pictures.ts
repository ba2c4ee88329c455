import type { ResolvedConfig, ResolvedStage } from "../../../config/index.ts";
import { DatasetError } from "../../../errors/index.ts";
import { quote } from "../../../files/reading/errors.ts";
import { stageExamples, type TrainingData } from "../training-data.ts";

/** Throws if stages have no pictures to train on, or no classes that they need; the message names each of them and says why. */
export function requireStagePictures({ stages }: ResolvedConfig, data: TrainingData): void {
  const problems = stages.flatMap((stage) => problemOf(stage, data) ?? []);
  if (problems.length > 0) throw new DatasetError(problems.join("\n"));
}

function problemOf(stage: ResolvedStage, data: TrainingData): string | undefined {
  const { location } = data.dataset;
  if (stage.kind === "class-conditional" && data.classCount === 0) {
    const first = firstClass(data);
    const found =
      first === undefined
        ? `no picture chosen from ${location} has a "class". Add that column`
        : `the "class" of the pictures chosen from ${location} is not numeric: the first is ${quote(first)}. Write a number for each class`;
    return `Stage "${stage.name}" needs classes, but ${found}, or leave the stage out`;
  }
  const { train } = stageExamples(stage, data);
  if (train.length > 0) return undefined;
  // Only a curated part can be empty: without any picture to train on, reading the data set fails.
  return `Stage "${stage.name}" has no pictures to train on: it is curated, but none of the ${data.train.length} pictures shows a thing that ${location} has in every style. Set curated to false, or leave styles out with dataset.styles`;
}

/** The first value in the column `class` of the chosen pictures. */
function firstClass({ dataset, train, heldout }: TrainingData): unknown {
  const chosen = new Set([...train, ...heldout].map(({ file }) => file));
  return dataset.entries
    .filter(({ file }) => chosen.has(file))
    .map(({ columns }) => columns.class)
    .find((value) => value !== undefined && value !== null);
}
