import { isAbsolute, relative, sep } from "node:path";
import { TABLE_SIDES } from "../../images/resolution-table.ts";
import type { ParsedConfig } from "../options/train-config.ts";
import { listOf } from "../schema/value-schemas.ts";
import { expected } from "./mistakes.ts";

/** One sentence for each prior-preservation field that needs another one. */
export function* classPictures({ base, dataset }: ParsedConfig): Generator<string> {
  const { folder, classFolder, classPrompt, classImages } = dataset;
  if (classFolder !== null && isInside(folder, classFolder)) {
    const what = "a folder outside of dataset.folder, whose pictures are all trained on,";
    yield expected(what, ["dataset", "classFolder"], classFolder);
  }
  if (classFolder !== null && classPrompt === null) {
    const what = "the caption of the class pictures, since dataset.classFolder is given,";
    yield expected(what, ["dataset", "classPrompt"], classPrompt);
  }
  if (classFolder === null) {
    for (const [key, value] of Object.entries({ classPrompt, classImages })) {
      const what = "null, since dataset.classFolder is not given,";
      if (value !== null) yield expected(what, ["dataset", key], value);
    }
  }
  if (classImages !== null && base === null) {
    const what = "a pipeline to draw the class pictures with, since dataset.classImages is given,";
    yield expected(what, ["base"], base);
  }
}

/** The tables' sizes are multiples of this fraction of the side. */
const TABLE_GRID = 16;

/** One sentence for each reason why a stage cannot train at several aspect ratios. */
export function* aspectRatios(config: ParsedConfig): Generator<string> {
  const { stages, dataset, autoencoder, transformer } = config;
  for (const [i, stage] of stages.entries()) {
    if (stage.kind !== "text-to-image" || !stage.aspectRatios) continue;
    const { resolution } = stage;
    if (!TABLE_SIDES.includes(resolution)) {
      const what = `${listOf(TABLE_SIDES)}, since the stage's aspectRatios is true,`;
      yield expected(what, ["stages", i, "resolution"], resolution);
    } else if (!("pretrained" in autoencoder) && !("pretrained" in transformer)) {
      const token = 2 ** (autoencoder.blockOutChannels.length - 1) * transformer.patchSize;
      if ((resolution / TABLE_GRID) % token !== 0) {
        const what = `false, since a token is ${token} px wide and the sizes around ${resolution} px are multiples of ${resolution / TABLE_GRID},`;
        yield expected(what, ["stages", i, "aspectRatios"], true);
      }
    }
    if (dataset.classFolder !== null) {
      const what =
        "false, since dataset.classFolder is given and a batch has pictures of one size,";
      yield expected(what, ["stages", i, "aspectRatios"], true);
    }
  }
}

/** One sentence for each reason why the data does not suit a stage that trains a ControlNet. */
export function* controlPictures({ stages, dataset }: ParsedConfig): Generator<string> {
  const { folder, controlFolder, controlColumn, classFolder } = dataset;
  if (controlFolder !== null && isInside(folder, controlFolder)) {
    const what = "a folder outside of dataset.folder, whose pictures are all trained on,";
    yield expected(what, ["dataset", "controlFolder"], controlFolder);
  }
  if (controlFolder !== null && controlColumn !== null) {
    const what = "null, since dataset.controlFolder is given,";
    yield expected(what, ["dataset", "controlColumn"], controlColumn);
  }
  for (const [i, stage] of stages.entries()) {
    if (stage.kind !== "text-to-image" || stage.controlnet === null) continue;
    if (classFolder !== null) {
      const what = "null, since dataset.classFolder is given and its pictures have no controls,";
      yield expected(what, ["stages", i, "controlnet"], stage.controlnet);
    }
    if (controlFolder !== null && stage.controlnet.condition === "edges") {
      const what = '"given", since dataset.controlFolder is given,';
      yield expected(what, ["stages", i, "controlnet", "condition"], "edges");
    }
  }
}

/** Whether a path is a folder or leads into it. */
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(sep)[0] !== "..";
}
