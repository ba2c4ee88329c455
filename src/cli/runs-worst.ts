import { contactSheet, RgbImage } from "../images/index.ts";
import { type PictureLosses, readPictureLosses } from "../training/picture-losses-file.ts";
import { readRunConfig } from "../training/run-folder.ts";
import { loadTrainingData } from "../training/training-data.ts";
import { lossText } from "./runs.ts";
import { table } from "./table.ts";
import { say } from "./talk.ts";

/** Options of `pixart runs worst`. */
export interface RunsWorstOptions {
  readonly count: number;
  readonly stage?: string;
  readonly sheet?: string;
  readonly json?: boolean;
}

const THUMBNAIL = 128;
const COLUMNS = 5;

/** `pixart runs worst RUN`: the training pictures that are learnt worst, those whose losses are furthest above the usual. */
export async function runsWorst(
  run: string,
  { count, stage, sheet, json }: RunsWorstOptions,
): Promise<void> {
  const losses = lossesOf(run, stage);
  const worst = [...losses.pictures].sort((a, b) => b.score - a.score).slice(0, count);
  if (json) {
    const { stage: name, step, since } = losses;
    process.stdout.write(`${JSON.stringify({ stage: name, step, since, pictures: worst })}\n`);
  } else {
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
  if (sheet === undefined) return;
  const { train } = await loadTrainingData(readRunConfig(run).dataset);
  const examples = new Map(train.map((example) => [example.file, example]));
  const shown = await Promise.all(
    worst.map(async ({ picture, score }) => {
      const example = examples.get(picture);
      if (example === undefined)
        throw new Error(`The picture ${picture} of the run ${run} is no longer in its data set`);
      const image = await RgbImage.decode(await example.read(), { name: example.path });
      return { image, label: `${score.toFixed(2)} ${example.shortCaption}` };
    }),
  );
  const picture = await contactSheet(
    shown.map(({ image }) => image),
    { columns: COLUMNS, labels: shown.map(({ label }) => label), cell: THUMBNAIL },
  );
  await picture.save(sheet);
  say(`${shown.length} thumbnails: ${sheet}`);
}

/** Those of a stage, or of the last one that has any. */
function lossesOf(run: string, stage: string | undefined): PictureLosses {
  const names = readRunConfig(run).stages.map(({ name }) => name);
  if (stage !== undefined && !names.includes(stage))
    throw new Error(`Expected ${names.join(", ")} for --stage but received ${stage}`);
  for (const name of stage === undefined ? names.reverse() : [stage]) {
    const losses = readPictureLosses(run, name);
    if (losses !== undefined) return losses;
  }
  throw new Error(
    `The run ${run} has no losses of pictures yet: they are written with each checkpoint. Let it train further`,
  );
}
