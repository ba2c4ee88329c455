import { expected, RunError } from "../../errors/index.ts";
import { RgbImage } from "../../images/index.ts";
import { loadTrainingData } from "../../training/dataset/training-data.ts";
import {
  lastPictureLosses,
  type PictureLoss,
  type PictureLosses,
} from "../../training/run-folder/picture-losses-file.ts";
import { readRunConfig } from "../../training/run-folder/run-folder.ts";
import { type LabelledImage, thumbnailSheet } from "../drawing/thumbnail-sheet.ts";
import { FLAG_LIMITS } from "../terminal/arguments.ts";
import { table } from "../terminal/table.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { lossText } from "./runs.ts";

/** Options of `pixart runs worst`. */
export interface RunsWorstOptions {
  readonly count: number;
  readonly stage?: string;
  readonly sheet?: string;
  readonly json?: boolean;
}

const COLUMNS = 5;

/** `pixart runs worst RUN`: the training pictures that are learned worst, whose losses are furthest above what is usual. */
export async function runsWorst(
  run: string,
  { count, stage, sheet, json }: RunsWorstOptions,
): Promise<void> {
  if (sheet !== undefined && count > FLAG_LIMITS.thumbnails) {
    throw new UsageError(
      `Expected at most ${FLAG_LIMITS.thumbnails} for --count together with --sheet but received ${count}`,
    );
  }
  const losses = await lossesOf(run, stage);
  const worst = [...losses.pictures].sort((a, b) => b.score - a.score).slice(0, count);
  // Before anything is printed: a command that prints ends when its reader goes away.
  if (sheet !== undefined) await saveSheet(run, worst, sheet);
  if (json) {
    const { stage: name, step, since } = losses;
    process.stdout.write(`${JSON.stringify({ stage: name, step, since, pictures: worst })}\n`);
    return;
  }
  const rows = worst.map(({ picture, seen, loss, expected, score }) => [
    picture,
    score.toFixed(2),
    lossText(loss),
    lossText(expected),
    String(seen),
  ]);
  const title = `Stage "${losses.stage}", steps ${losses.since + 1} to ${losses.step}: ${worst.length} of ${losses.pictures.length} pictures`;
  const lines = table([["picture", "score", "loss", "expected", "seen"], ...rows]);
  process.stdout.write(`${[title, ...lines].join("\n")}\n`);
}

async function saveSheet(
  run: string,
  worst: PictureLosses["pictures"],
  file: string,
): Promise<void> {
  const { train } = await loadTrainingData(readRunConfig(run).dataset);
  const examples = new Map(train.map((example) => [example.file, example]));
  const read = async ({ picture, score }: PictureLoss): Promise<LabelledImage> => {
    const example = examples.get(picture);
    if (example === undefined)
      throw new RunError(
        "ERR_DATA_CHANGED",
        `The picture ${picture} of the run ${run} is no longer in its data set`,
      );
    const image = await RgbImage.decode(await example.read(), { name: example.path });
    return { image, label: `${score.toFixed(2)} ${example.shortCaption}` };
  };
  const picture = await thumbnailSheet(worst, read, COLUMNS);
  await picture.save(file);
  say(`${worst.length} thumbnails: ${file}`);
}

/** Those of a stage, or of the last one that has any. */
async function lossesOf(run: string, stage: string | undefined): Promise<PictureLosses> {
  const names = readRunConfig(run).stages.map(({ name }) => name);
  if (stage !== undefined && !names.includes(stage))
    throw expected(names.join(", "), "--stage", stage);
  const losses = await lastPictureLosses(run, stage === undefined ? names : [stage]);
  if (losses !== undefined) return losses;
  throw new RunError(
    "ERR_NO_CHECKPOINT",
    `The run ${run} has no losses of single pictures yet: they are written with each checkpoint. Train it further`,
  );
}
