import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import type { T5Tokenizer } from "../text/index.ts";
import { Captions } from "./captions.ts";
import { LatentCache } from "./latent-cache.ts";
import { autoencoderFactor, buildAutoencoder, buildDiT } from "./models.ts";
import type { StageModels } from "./stage-models.ts";
import type { StageTask } from "./stage-task.ts";
import { AutoencoderTask } from "./stages/autoencoder.ts";
import { ClassConditionalTask } from "./stages/class-conditional.ts";
import { TextToImageTask } from "./stages/text-to-image.ts";
import { curated, type Example, Pictures, type TrainingData } from "./training-data.ts";

/** What all stages of a run share. */
export interface CurriculumContext {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  readonly tokenizer: T5Tokenizer;
  readonly models: StageModels;
  /** Folder for cached features. */
  readonly cache: string;
  readonly onWarning: (message: string) => void;
}

async function cachedLatents(
  context: CurriculumContext,
  examples: Readonly<Record<"train" | "heldout", readonly Example[]>>,
  resolution: number,
  vae: Parameters<typeof LatentCache.open>[2],
): Promise<Record<"train" | "heldout", LatentCache>> {
  const encode = async (list: readonly Example[]): Promise<LatentCache> => {
    const pictures = await Pictures.load(list, resolution);
    const latents = await LatentCache.open(context.cache, pictures, vae);
    pictures.dispose();
    return latents;
  };
  return { train: await encode(examples.train), heldout: await encode(examples.heldout) };
}

/** Builds a stage's models, from the stages before it, and loads its data. */
export async function prepareStage(
  context: CurriculumContext,
  stage: ResolvedStage,
): Promise<StageTask> {
  const { config, data, models, tokenizer } = context;
  if (stage.kind === "autoencoder") {
    return AutoencoderTask.create(await buildAutoencoder(config), stage, data);
  }
  const vae = await models.autoencoder();
  const isCurated = stage.kind === "text-to-image" && stage.curated;
  const all = [...data.train, ...data.heldout];
  const examples = {
    train: isCurated ? curated(data.train, all) : data.train,
    heldout: isCurated ? curated(data.heldout, all) : data.heldout,
  };
  const latents = await cachedLatents(context, examples, stage.resolution, vae);
  if (stage.kind === "class-conditional") {
    if (data.classCount === 0) {
      throw new Error(
        `Stage "${stage.name}" needs classes, but metadata.jsonl in ${data.folder.folder} has no "class" column. Add one, or leave the stage out`,
      );
    }
    const size = stage.resolution / autoencoderFactor(vae);
    const dit = buildDiT(config, { channels: vae.config.latentChannels, size }, data.classCount);
    dit.gradientCheckpointing = stage.gradientCheckpointing;
    return new ClassConditionalTask(stage, {
      dit,
      vae,
      latents,
      examples,
      classCount: data.classCount,
      sampling: config.sampling,
    });
  }
  const { transformer, textEncoder } = await models.startTextToImage(stage, vae, tokenizer);
  const { maxLength } = config.tokenizer;
  const captions = {
    train: new Captions(examples.train, tokenizer, maxLength),
    heldout: new Captions(examples.heldout, tokenizer, maxLength),
  };
  if (captions.train.truncated > 0) {
    context.onWarning(
      `${captions.train.truncated} of ${2 * examples.train.length} captions are longer than ${maxLength} tokens; what is beyond is not learned. Raise tokenizer.maxLength to keep it`,
    );
  }
  return new TextToImageTask(stage, {
    transformer,
    textEncoder,
    tokenizer,
    vae,
    latents,
    captions,
    examples,
    config,
  });
}
