import type { ResolvedConfig } from "../../config/index.ts";
import { DatasetError } from "../../errors/index.ts";
import { stageExamples, type TrainingData } from "./training-data.ts";

const SHOWN = 5;

/**
 * Throws if a stage trains a ControlNet on given control pictures and some are missing; the message names a few and says what to
 * do.
 */
export function requireControlPictures({ stages }: ResolvedConfig, data: TrainingData): void {
  for (const stage of stages) {
    if (stage.kind !== "text-to-image" || stage.controlnet?.condition !== "given") continue;
    const all = Object.values(stageExamples(stage, data)).flat();
    const without = all.filter(({ control }) => control === undefined);
    if (without.length === 0) continue;
    const names = without.slice(0, SHOWN).map(({ path }) => `  ${path}`);
    const more = without.length > SHOWN ? [`  and ${without.length - SHOWN} more`] : [];
    throw new DatasetError(
      [
        `Expected a control picture for every picture, since stage "${stage.name}" trains a ControlNet, but ${without.length} of ${all.length} have none. ` +
          'Name them in a column "control_image" (dataset.controlColumn for another), put them into a folder under the same names (dataset.controlFolder), ' +
          'or take the pictures\' own edges (controlnet.condition "edges"):',
        ...names,
        ...more,
      ].join("\n"),
    );
  }
}
