import { basename, join } from "node:path";
import type { ParsedConfig } from "../../config/index.ts";
import { listFiles } from "../../data/layouts/list-files.ts";
import { PICTURE_NAME } from "../../data/layouts/picture-names.ts";
import { World } from "../../distributed/index.ts";
import { DatasetError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { readPictureMetadata } from "../../images/index.ts";
import { DiffusionPipeline } from "../../pipelines/index.ts";
import * as torch from "../../torch/index.ts";

/** File name of the class picture drawn from `seed`. */
const nameOf = (seed: number): string => `class-${String(seed).padStart(5, "0")}.png`;
const OWN_NAME = /^class-\d{5,}\.png$/;

/**
 * Draws the class pictures that `dataset.classFolder` lacks, with the run's base as it is before training, so that training can
 * preserve what the model knew of the class (DreamBooth, Ruiz et al. 2023; diffengine's `class_image_config`). Each has its own
 * seed and name, so an interrupted call can be repeated. Throws if the folder has pictures drawn from another prompt.
 */
export async function drawClassPictures(
  config: ParsedConfig,
  say: (line: string) => void,
): Promise<void> {
  const { base, dataset } = config;
  const { classFolder, classPrompt, classImages } = dataset;
  if (base === null || classFolder === null || classPrompt === null || classImages === null) return;
  await makeFolder(classFolder);
  const { files } = await listFiles(classFolder);
  const pictures = files.filter((file) => PICTURE_NAME.test(file));
  await requirePrompt(pictures, classPrompt);
  const missing = classImages - pictures.length;
  if (missing <= 0) return;
  say(
    `Class pictures: ${classFolder} has ${pictures.length} of ${classImages}; drawing ${missing} of ${JSON.stringify(classPrompt)} with ${base}`,
  );
  const names = new Set(pictures.map((file) => basename(file)));
  const seeds = Array.from({ length: classImages }, (_, seed) => seed)
    .filter((seed) => !names.has(nameOf(seed)))
    .slice(0, missing);
  await draw(config, { base, classPrompt, classFolder, seeds, say });
}

/** Pictures of an earlier prompt would otherwise be trained on as pictures of this one. */
async function requirePrompt(pictures: readonly string[], classPrompt: string): Promise<void> {
  for (const path of pictures.filter((file) => OWN_NAME.test(basename(file)))) {
    const prompt = (await readPictureMetadata(path))?.prompt;
    if (prompt === undefined || prompt === classPrompt) continue;
    throw new DatasetError(
      `${path}: expected a picture of dataset.classPrompt ${JSON.stringify(classPrompt)} but found one that was drawn from ${JSON.stringify(prompt)}; delete such pictures, or name another dataset.classFolder`,
    );
  }
}

interface Wanted {
  readonly base: string;
  readonly classPrompt: string;
  readonly classFolder: string;
  readonly seeds: readonly number[];
  readonly say: (line: string) => void;
}

/** Progress interval, in pictures. */
const TOLD_EVERY = 10;

async function draw(
  { stages, sampling, tokenizer, dataset, threads, device: wanted }: ParsedConfig,
  { base, classPrompt, classFolder, seeds, say }: Wanted,
): Promise<void> {
  if (threads !== null) torch.setThreads(threads);
  const words = stages.filter((stage) => stage.kind === "text-to-image");
  const side = Math.max(...words.map(({ resolution }) => resolution));
  const device = World.solo.useDevice(wanted);
  const precisions = words.map(({ precision: own }) =>
    own === "auto" ? torch.fastestDType(device) : own,
  );
  const dtype = precisions.every((own) => own === "bfloat16") ? "bfloat16" : "float32";
  const pipe = await DiffusionPipeline.fromPretrained(base, { dtype, device });
  try {
    for (const [done, seed] of seeds.entries()) {
      if (done > 0 && done % TOLD_EVERY === 0) say(`Class pictures: ${done} of ${seeds.length}`);
      const { images } = await pipe(classPrompt, {
        width: side,
        height: side,
        numInferenceSteps: sampling.steps,
        guidanceScale: sampling.guidanceScale,
        generator: torch.generator(seed),
        useResolutionBinning: false,
        maxSequenceLength: tokenizer.maxLength,
        cleanCaption: dataset.cleanCaptions,
      });
      await images[0]?.save(join(classFolder, nameOf(seed)));
    }
  } finally {
    pipe.dispose();
  }
}
