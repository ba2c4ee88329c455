import { basename, join, resolve } from "node:path";
import { resolveModel, type WantedFile } from "../../hub/index.ts";
import {
  AutoencoderKL,
  AutoencoderTiny,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import { pretrainedFiles } from "../../models/pretrained.ts";
import { Module } from "../../nn/index.ts";
import { readSchedulerFile, schedulerFiles } from "../../schedulers/config/scheduler-file.ts";
import {
  completedForClass,
  requireSchedulerName,
  type Scheduler,
  schedulerClassNames,
  schedulerNamed,
  schedulerOfClass,
} from "../../schedulers/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import { tokenizerFiles } from "../../text/tokenizer/tokenizer-files.ts";
import { hasVariant, type WeightsBaseName } from "../../weights/index.ts";
import { type WeightsSource, weightsSource } from "../generation-record.ts";
import { componentClass, readModelIndex, readSamplingDefaults } from "../model-index.ts";
import { createPipeline, type PixArtAlphaPipeline as Pipeline } from "../pixart-alpha.ts";
import type { PipelineKind, PixArtAlphaComponents } from "../pixart-alpha-components.ts";
import { LazyModel } from "../prompts/lazy-model.ts";
import type { SamplingDefaults } from "../sampling-defaults.ts";
import { loadInWorker, type PipelineInWorker } from "../worker/in-worker.ts";
import type { PipelineClass } from "../worker/worker-messages.ts";
import type { WorkerPretrainedOptions } from "../worker/worker-options.ts";
import {
  checkedPretrainedOptions,
  type PixArtAlphaPretrainedOptions,
} from "./pretrained-options.ts";
import { weightsBytes, weightsHash } from "./weights-hash.ts";

const alpha: PipelineKind = { className: "PixArtAlphaPipeline", maxSequenceLength: 120 };
const sigma: PipelineKind = { className: "PixArtSigmaPipeline", maxSequenceLength: 300 };

/** The components of every folder. A controlnet is loaded separately and passed in. */
type FolderComponent = Exclude<keyof PixArtAlphaComponents, "controlnet">;

const autoencoders = { AutoencoderKL, AutoencoderTiny } as const;

/** The key of each component in the index and on disk, and the classes that it may have. */
const components: Readonly<
  Record<FolderComponent, { readonly key: string; readonly classes: readonly string[] }>
> = {
  scheduler: { key: "scheduler", classes: schedulerClassNames },
  textEncoder: { key: "text_encoder", classes: ["T5EncoderModel"] },
  tokenizer: { key: "tokenizer", classes: ["T5Tokenizer", "T5TokenizerFast"] },
  transformer: { key: "transformer", classes: ["PixArtTransformer2DModel", "Transformer2DModel"] },
  vae: { key: "vae", classes: Object.keys(autoencoders) },
};

const KEPT_ENCODER_BYTES = 2 ** 30;

/** A model's folder in a pipeline, and the name of its weights. */
type ModelPlace = readonly [subfolder: string, baseName: WeightsBaseName];

/** The models of a pipeline. */
const models = {
  textEncoder: ["text_encoder", "model"],
  transformer: ["transformer", "diffusion_pytorch_model"],
  vae: ["vae", "diffusion_pytorch_model"],
} as const satisfies Partial<Record<FolderComponent, ModelPlace>>;

/** The files of a pipeline in a repository, except those of components that the caller provides. */
function wantedFiles(options: PixArtAlphaPretrainedOptions): readonly WantedFile[] {
  const { variant } = options;
  const model = ([subfolder, baseName]: ModelPlace): readonly WantedFile[] => {
    const plain = pretrainedFiles(baseName, { subfolder });
    if (variant === undefined) return plain;
    return pretrainedFiles(baseName, { subfolder, variant }).map(({ names }, i) => {
      const otherwise = plain[i]?.names ?? [];
      return otherwise[0] === names[0] ? { names } : { names, otherwise };
    });
  };
  const files: Record<FolderComponent, readonly WantedFile[]> = {
    scheduler: schedulerFiles("scheduler"),
    tokenizer: tokenizerFiles("tokenizer"),
    textEncoder: model(models.textEncoder),
    transformer: model(models.transformer),
    vae: model(models.vae),
  };
  const own = Object.entries(files).filter(([name]) => isFromFolder(name, options));
  return [{ names: ["model_index.json"] }, ...own.flatMap(([, wanted]) => wanted)];
}

/**
 * The variant to read of each model: the plain weights where only others have it, as in diffusers
 * (`pipeline_loading_utils.py` variant_compatible_siblings). None has it: the wanted one, so that loading says what is missing.
 */
function variantsIn(
  folder: string,
  options: PixArtAlphaPretrainedOptions,
): Readonly<Record<keyof typeof models, string | undefined>> {
  const { variant, onWarning = emitWarning } = options;
  const all = { textEncoder: variant, transformer: variant, vae: variant };
  if (variant === undefined) return all;
  const read = (Object.keys(models) as (keyof typeof models)[]).filter((name) =>
    isFromFolder(name, options),
  );
  const without = read.filter((name) => {
    const [subfolder, baseName] = models[name];
    return !hasVariant(join(folder, subfolder), baseName, variant);
  });
  if (without.length === 0 || without.length === read.length) return all;
  const folders = without.map((name) => models[name][0]).join(" and ");
  onWarning(`${folder} has no variant ${variant} of ${folders}: their plain weights are loaded`);
  return { ...all, ...Object.fromEntries(without.map((name) => [name, undefined])) };
}

/** Whether anything of a component's folder is read. */
const isFromFolder = (name: string, options: PixArtAlphaPretrainedOptions): boolean =>
  !(name in options) || (name === "scheduler" && typeof options.scheduler !== "object");

async function load(
  folderOrName: string,
  kinds: readonly PipelineKind[],
  given: PixArtAlphaPretrainedOptions,
): Promise<Pipeline> {
  const { revision, ...options } = checkedPretrainedOptions(given);
  if (typeof options.scheduler === "string") requireSchedulerName(options.scheduler);
  const folder = await resolveModel(folderOrName, { revision, files: wantedFiles(options) });
  const variants = variantsIn(folder, options);
  const own = Object.entries(components)
    .filter(([name]) => !(name in options) || (name === "scheduler" && !options.scheduler))
    .map(([, { key, classes }]) => [key, classes] as const);
  const names = kinds.map(({ className }) => className);
  const index = readModelIndex(folder, names, Object.fromEntries(own), {
    scheduler: "pass --scheduler, or scheduler in code, to draw with another",
  });
  const kind = kinds.find(({ className }) => className === index.pipeline) ?? alpha;
  const defaults = readSamplingDefaults(folder);
  const { quantize, ...asFloats } = options;
  const scheduler = await schedulerOf(folder, index.components.scheduler, options);
  const tokenizer =
    options.tokenizer ?? (await T5Tokenizer.fromPretrained(folder, { subfolder: "tokenizer" }));
  const loaded: Module[] = [];
  const loading = async <M>(part: Promise<M>): Promise<M> => {
    const model = await part;
    if (model instanceof Module) loaded.push(model);
    return model;
  };
  try {
    const textEncoder =
      options.textEncoder === undefined
        ? await loading(textEncoderIn(folder, { ...options, variant: variants.textEncoder }))
        : options.textEncoder;
    const transformer =
      options.transformer ??
      (await loading(
        PixArtTransformer2DModel.fromPretrained(folder, {
          ...options,
          variant: variants.transformer,
          subfolder: "transformer",
        }),
      ));
    const vaeClass = index.components.vae === "AutoencoderTiny" ? AutoencoderTiny : AutoencoderKL;
    const vae =
      options.vae ??
      (await loading<AutoencoderKL | AutoencoderTiny>(
        vaeClass.fromPretrained(folder, { ...asFloats, variant: variants.vae, subfolder: "vae" }),
      ));
    const source =
      options.transformer === undefined
        ? weightsSource(basename(resolve(folderOrName)), () =>
            weightsHash(join(folder, "transformer"), variants.transformer),
          )
        : options.source;
    const { controlnet } = options;
    const parts = { transformer, controlnet, vae, textEncoder, tokenizer, scheduler };
    const pipe = createPipeline(parts, kind, source);
    pipe.defaults = defaults;
    return pipe;
  } catch (error) {
    for (const model of loaded) model.dispose(); // if a component fails to load, free those loaded before it
    throw error;
  }
}

/** What the pipeline of a folder, or of a name on the Hub, takes for options that a call is not given. */
export async function samplingDefaultsOf(folderOrName: string): Promise<SamplingDefaults> {
  const files = [{ names: ["model_index.json"] }];
  return readSamplingDefaults(await resolveModel(folderOrName, { files }));
}

/** The given scheduler, one of the given name with the folder's noise schedule, or the folder's own. */
async function schedulerOf(
  folder: string,
  className: string | undefined,
  { scheduler, onWarning = emitWarning }: PixArtAlphaPretrainedOptions,
): Promise<Scheduler> {
  if (typeof scheduler === "object") return scheduler;
  const subfolder = "scheduler";
  return readSchedulerFile(folder, { subfolder }, (json) => {
    if (className !== undefined) {
      const path = join(folder, subfolder, "scheduler_config.json");
      return schedulerOfClass(className, json, (text) => onWarning(`${path}: ${text}`));
    }
    const own = componentClass(folder, "scheduler");
    const isKnown = typeof own === "string" && schedulerClassNames.includes(own);
    return schedulerNamed(scheduler ?? "", isKnown ? completedForClass(own, json) : json);
  });
}

const emitWarning = (message: string): void => process.emitWarning(message);

async function textEncoderIn(
  folder: string,
  { keepTextEncoder, ...options }: PixArtAlphaPretrainedOptions,
): Promise<T5EncoderModel | LazyModel<T5EncoderModel>> {
  // T5 overflows float16; bfloat16 has the range at the same size.
  const dtype = options.dtype === "float16" ? "bfloat16" : options.dtype;
  const loadEncoder = (): Promise<T5EncoderModel> =>
    T5EncoderModel.fromPretrained(folder, { ...options, dtype, subfolder: "text_encoder" });
  const isSmall = weightsBytes(join(folder, "text_encoder"), "model") < KEPT_ENCODER_BYTES;
  return (keepTextEncoder ?? isSmall) ? loadEncoder() : new LazyModel(loadEncoder);
}

interface PipelineMaker {
  /** Makes a pipeline of given components. `source` goes into pictures' metadata. */
  create(components: PixArtAlphaComponents, source?: WeightsSource): Pipeline;
  /**
   * Loads a folder that diffusers or `savePretrained` wrote, or a name on the Hub. Throws BadFileError if it holds no such
   * pipeline or names classes that aren't known here.
   */
  fromPretrained(folderOrName: string, options?: PixArtAlphaPretrainedOptions): Promise<Pipeline>;
  /**
   * Loads it in a worker thread, so that this thread's event loop keeps running while pictures are drawn. All components are
   * loaded there, so none can be passed in.
   */
  inWorker(folderOrName: string, options?: WorkerPretrainedOptions): Promise<PipelineInWorker>;
}

const inWorkerOf =
  (pipeline: PipelineClass): PipelineMaker["inWorker"] =>
  (folder, options = {}) =>
    loadInWorker(pipeline, folder, options);

const makerOf = (kind: PipelineKind): PipelineMaker => ({
  create: (parts, source) => createPipeline(parts, kind, source),
  fromPretrained: (folder, options = {}) => load(folder, [kind], options),
  inWorker: inWorkerOf(kind.className),
});

/** PixArt-α: prompts of up to 120 tokens (diffusers `PixArtAlphaPipeline`; arXiv 2310.00426). */
export const PixArtAlphaPipeline: PipelineMaker = makerOf(alpha);
export type PixArtAlphaPipeline = Pipeline;

/** PixArt-Σ: prompts of up to 300 tokens, and bins for 2048 and 2880 px (diffusers `PixArtSigmaPipeline`; arXiv 2403.04692). */
export const PixArtSigmaPipeline: PipelineMaker = makerOf(sigma);
export type PixArtSigmaPipeline = Pipeline;

/** Loads a folder of either kind, as its index says (diffusers `DiffusionPipeline`). */
export const DiffusionPipeline: Pick<PipelineMaker, "fromPretrained" | "inWorker"> = {
  fromPretrained: (folder, options = {}) => load(folder, [alpha, sigma], options),
  inWorker: inWorkerOf("DiffusionPipeline"),
};
