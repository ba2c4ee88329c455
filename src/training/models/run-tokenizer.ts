import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import type { World } from "../../distributed/index.ts";
import { makeBelow } from "../../files/make-below.ts";
import { prepareCaption, T5Tokenizer } from "../../text/index.ts";
import { captionsOfExample } from "../dataset/example-captions.ts";
import type { TrainingData } from "../dataset/training-data.ts";
import { TOKENIZER_FOLDER } from "../run-folder/run-files.ts";
import { pretrainedTokenizer } from "./models.ts";

/** The pretrained tokenizer of a run, or one that its first process trains on all captions and keeps in the run folder. */
export async function runTokenizer(
  { tokenizer }: ResolvedConfig,
  data: TrainingData,
  run: string,
  world: World,
): Promise<T5Tokenizer> {
  if ("pretrained" in tokenizer) return pretrainedTokenizer(tokenizer);
  const folder = join(run, TOKENIZER_FOLDER);
  await world.first(async () => {
    if (existsSync(join(folder, "tokenizer_config.json"))) return;
    const captions = data.train.flatMap(captionsOfExample).map(prepareCaption);
    const made = T5Tokenizer.fromCaptions(captions, { vocabSize: tokenizer.vocabSize });
    makeBelow(run, TOKENIZER_FOLDER); // never recreates the run folder itself
    await made.savePretrained(folder);
  });
  return T5Tokenizer.fromPretrained(folder);
}
