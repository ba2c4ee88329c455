import type { ResolvedConfig } from "../../config/index.ts";
import { preparation } from "../../pipelines/prompts/prompt-encoder.ts";
import { captionsOfExample } from "./example-captions.ts";
import type { StageExamples, TrainingData } from "./training-data.ts";

/** Every text that a stage's text encoder encodes, in prepared form: captions, sample prompts and the empty text. */
export function stageTexts(
  { dataset, sampling }: Pick<ResolvedConfig, "dataset" | "sampling">,
  examples: StageExamples & Pick<TrainingData, "prior">,
): string[] {
  const prepare = preparation({ cleanCaption: dataset.cleanCaptions });
  const captions = Object.values(examples).flat().flatMap(captionsOfExample);
  return [...new Set([...captions, ...sampling.prompts, ""].map(prepare))];
}
