import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { UnreadableLimit } from "../data/unreadable-limit.ts";
import type { World } from "../distributed/index.ts";
import { InternalError } from "../errors/index.ts";
import { PixArtTransformer2DModel } from "../models/index.ts";
import { construct } from "../nn/index.ts";
import { LazyModel } from "../pipelines/index.ts";
import { preparation } from "../pipelines/prompts/prompt-encoder.ts";
import type { T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { eachInSlices } from "./contract/in-slices.ts";
import type { StageTask } from "./contract/stage-task.ts";
import { stageBuckets } from "./dataset/aspect-plan.ts";
import { requireSamePictures } from "./dataset/checks/same-pictures.ts";
import { stageLimit } from "./dataset/checks/stage-limit.ts";
import { captionsOfExample } from "./dataset/example-captions.ts";
import {
  type Example,
  type StageExamples,
  stageExamples,
  type TrainingData,
} from "./dataset/training-data.ts";
import {
  FrozenCaptions,
  type FrozenCaptionsOptions,
  LiveCaptions,
  openCaptionStore,
} from "./features/captions.ts";
import { LatentStore } from "./features/latent-store.ts";
import { Latents, type LatentsOptions } from "./features/latents.ts";
import { PriorPictures } from "./features/prior-pictures.ts";
import { allForLong } from "./loop/first-for-long.ts";
import {
  autoencoderFactor,
  buildAutoencoder,
  buildDiT,
  trainsTextEncoder,
} from "./models/models.ts";
import type { RunModelLoader } from "./models/run-model-loader.ts";
import type { ProgressTold } from "./progress/encoding-progress.ts";
import { AutoencoderTask } from "./stages/autoencoder.ts";
import { ClassConditionalTask } from "./stages/class-conditional.ts";
import { noiseFieldsOf, trainingSchedule } from "./stages/noise-levels.ts";
import { samplerOf } from "./stages/sampler.ts";
import { TextToImageTask } from "./stages/text-to-image.ts";
import type { ControlNetParts, TextToImageParts } from "./stages/text-to-image-parts.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** What all stages of a run share. */
export interface CurriculumContext extends ProgressTold {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  readonly tokenizer: T5Tokenizer;
  readonly models: RunModelLoader;
  /** Folder for cached features. */
  readonly cache: string;
  /** The processes that fill the cache together. */
  readonly world: World;
  readonly onWarning: (message: string) => void;
  /** Aborting it ends the preparation. */
  readonly signal?: AbortSignal | undefined;
}

/** Builds a stage's models from the stages before it and loads its data. Throws the signal's reason if it is aborted. */
export async function prepareStage(
  context: CurriculumContext,
  stage: ResolvedStage,
): Promise<StageTask> {
  const { config, data, models } = context;
  if (stage.kind === "autoencoder") {
    const own = (await buildAutoencoder(config)).to({ device: models.device });
    const task = await AutoencoderTask.create(own, stage, data, {
      limit: stageLimit(config, stage, data),
      warn: context.onWarning,
    });
    for (const split of ["train", "heldout"] as const)
      requireSamePictures(context.world, data[split], task.examples(split));
    return task;
  }
  const vae = await models.autoencoder();
  const wanted = stageExamples(stage, data);
  using store = config.dataset.cache.latents
    ? await LatentStore.open(context.cache, { vae, stage, warn: context.onWarning })
    : null;
  const limit = stageLimit(config, stage, data);
  const openLatents = async (
    list: readonly Example[],
    control?: LatentsOptions["control"],
  ): Promise<Latents> => {
    const options: LatentsOptions = {
      examples: list,
      stage,
      buckets: stageBuckets(stage),
      vae,
      control,
      store,
      limit,
      warn: context.onWarning,
      say: context.say,
      onProgress: context.onProgress,
    };
    await together(context, store, async (signal) => {
      const examples = context.world.share(list);
      const all = new UnreadableLimit({ share: 1, pictures: examples.length });
      const quiet = { limit: all, warn: () => {}, signal };
      (await Latents.open({ ...options, ...quiet, examples })).dispose();
    });
    const latents = await alike(context, (signal) => Latents.open({ ...options, signal }));
    requireSamePictures(context.world, list, latents.examples);
    return latents;
  };
  const openPrior = async (): Promise<PriorPictures> =>
    new PriorPictures(await openLatents(data.prior), {
      seed: config.seed,
      stage: stage.name,
      weight: stage.kind === "text-to-image" ? stage.priorLossWeight : 0,
    });
  const condition = stage.kind === "text-to-image" ? stage.controlnet?.condition : undefined;
  const controls = condition && {
    train: await openLatents(wanted.train, condition),
    heldout: await openLatents(wanted.heldout, condition),
  };
  // Pictures whose control picture cannot be read are skipped too.
  const usable = {
    train: controls?.train.examples ?? wanted.train,
    heldout: controls?.heldout.examples ?? wanted.heldout,
  };
  const latents = {
    train: await openLatents(usable.train),
    heldout: await openLatents(usable.heldout),
  };
  const examples = { train: latents.train.examples, heldout: latents.heldout.examples };
  if (stage.kind === "text-to-image")
    return await textToImage(context, stage, {
      vae,
      examples,
      latents,
      controls,
      prior: data.prior.length === 0 ? undefined : await openPrior(),
    });
  const size = stage.resolution / autoencoderFactor(vae);
  const shape = { channels: vae.config.latentChannels, size };
  const dit = buildDiT(config, shape, data.classCount).to({ device: models.device });
  dit.gradientCheckpointing = stage.gradientCheckpointing;
  const { sampling } = config;
  const { classCount } = data;
  return new ClassConditionalTask(stage, { dit, vae, latents, examples, classCount, sampling });
}

type Pictures = Pick<TextToImageParts, "vae" | "examples" | "latents" | "prior"> & {
  readonly controls: ControlNetParts["latents"] | undefined;
};

async function textToImage(
  context: CurriculumContext,
  stage: TextToImageStage,
  { controls, ...pictures }: Pictures,
): Promise<StageTask> {
  const { config, tokenizer, models } = context;
  const { transformer, adapter, controlnet, textEncoder, textEncoderAdapter } =
    await models.startTextToImage(stage, pictures.vae, tokenizer);
  const prepare = preparation({ cleanCaption: config.dataset.cleanCaptions });
  const { maxLength } = config.tokenizer;
  const texts: string[] = [];
  await eachInSlices(
    captionsOf({ ...pictures.examples, prior: context.data.prior }),
    (caption) => texts.push(prepare(caption)),
    ownSignal(context),
  );
  await warnOfLongCaptions(context, texts);
  const captions =
    trainsTextEncoder(stage) && !(textEncoder instanceof LazyModel)
      ? new LiveCaptions(textEncoder, tokenizer, maxLength)
      : await frozenCaptions(context, {
          encoder: textEncoder,
          tokenizer,
          maxLength,
          texts: [...texts, ""],
          prompts: [...config.sampling.prompts.map(prepare), ""],
          cache: config.dataset.cache.texts ? context.cache : null,
          say: context.say,
          onProgress: context.onProgress,
        });
  const scheduler = await samplerOf(config, stage);
  return new TextToImageTask(stage, {
    ...pictures,
    transformer,
    adapter,
    control: controlnet && controls && { controlnet, latents: controls },
    teacher: stage.consistency === null || adapter !== undefined ? undefined : copyOf(transformer),
    textEncoder: textEncoder instanceof LazyModel ? undefined : textEncoder,
    textEncoderAdapter,
    tokenizer,
    captions,
    prepare,
    noise: trainingSchedule(noiseFieldsOf(scheduler)),
    scheduler,
    config,
  });
}

/** What may end this process's preparation: with several, none may leave while the others wait for it. */
const ownSignal = ({ world, signal }: CurriculumContext): AbortSignal | undefined =>
  world.size === 1 ? signal : undefined;

/**
 * Interval at which processes that encode meet. Each then waits until the others' current pictures are done, which takes seconds
 * on a CPU: meeting often would cost more than a signal's delay.
 */
const FILL_MEET_MS = 20_000;

/** Has the processes fill a cache together, each its share, before any uses it. All leave if one was asked to stop. */
async function together(
  { world, signal }: CurriculumContext,
  store: Pick<LatentStore, "refresh"> | null,
  fillShare: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (world.size === 1 || store === null) return;
  await allForLong(world, signal, fillShare, FILL_MEET_MS);
  await store.refresh();
}

/** Has all processes read the same, which may take some of them much longer. All leave if one was asked to stop. */
async function alike<T>(
  { world, signal }: CurriculumContext,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const results: T[] = [];
  await allForLong(world, signal, async (stop) => {
    results.push(await read(stop));
  });
  const [result] = results;
  if (result === undefined) throw new InternalError("Expected a result of what was read");
  return result;
}

async function frozenCaptions(
  context: CurriculumContext,
  { cache, ...given }: Omit<FrozenCaptionsOptions, "store"> & { readonly cache: string | null },
): Promise<FrozenCaptions> {
  const { encoder, texts, prompts } = given;
  using store = cache === null ? null : await openCaptionStore(encoder, cache, context.onWarning);
  const options = { ...given, store };
  await together(context, store, async (signal) => {
    // An encoder that is already in memory is small and is freed with the captions.
    if (!(encoder instanceof LazyModel)) return;
    const share = context.world.share([...new Set([...texts, ...prompts])]);
    const own = { texts: share, prompts: [], signal };
    (await FrozenCaptions.open({ ...options, ...own })).dispose();
  });
  return await alike(context, (signal) => FrozenCaptions.open({ ...options, signal }));
}

/** A frozen copy of a transformer. */
function copyOf(transformer: PixArtTransformer2DModel): PixArtTransformer2DModel {
  const copy = construct(
    { device: "meta" },
    () => new PixArtTransformer2DModel(transformer.config),
  );
  torch.noGrad(() =>
    torch.tidy(() => {
      const weights = [...transformer.stateDict()].map(([key, w]) => [key, w.clone()] as const);
      copy.loadStateDict(new Map(weights));
    }),
  );
  return copy.requiresGrad_(false);
}

const captionsOf = (examples: StageExamples & Pick<TrainingData, "prior">): string[] => [
  ...new Set(Object.values(examples).flatMap((list) => list.flatMap(captionsOfExample))),
];

async function warnOfLongCaptions(
  context: CurriculumContext,
  texts: readonly string[],
): Promise<void> {
  const { config, tokenizer, onWarning } = context;
  const { maxLength } = config.tokenizer;
  let [count, example] = [0, ""];
  const look = (text: string): void => {
    const dropped = tokenizer.truncatedIn(text, maxLength);
    if (dropped === undefined) return;
    if (count === 0) example = dropped;
    count += 1;
  };
  await eachInSlices(texts, look, ownSignal(context));
  if (count === 0) return;
  onWarning(
    `${count} of ${texts.length} captions are longer than ${maxLength} tokens; the rest is not learned, such as ${JSON.stringify(example)}. Raise tokenizer.maxLength to keep it`,
  );
}
