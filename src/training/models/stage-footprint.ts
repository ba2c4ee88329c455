import { join } from "node:path";
import type { Filled, Pretrained, ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { resolveModel } from "../../hub/index.ts";
import { readAutoencoderKLConfig } from "../../models/autoencoder-kl/config.ts";
import {
  type Adapter,
  AutoencoderKL,
  addAdapter,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import {
  type PixArtTransformerConfig,
  readPixArtTransformerConfig,
} from "../../models/pixart/config.ts";
import { readT5Config } from "../../models/t5/config.ts";
import { construct, type Module } from "../../nn/index.ts";
import { createOptimizer } from "../../optim/index.ts";
import type { DType, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { type ConfigObject, readConfig } from "../../weights/index.ts";
import { byteSize, type TensorSpec } from "../../weights/safetensors/safetensors-header.ts";
import { pictureLossSpecs } from "../contract/picture-loss-tensors.ts";
import { prefixed, type Weights } from "../contract/stage-task.ts";
import { adapterOptions } from "./adapters.ts";
import { requireBatch, requireModelFits } from "./model-room.ts";
import {
  autoencoderFactor,
  buildDiT,
  holdsTextEncoder,
  type LatentShape,
  newAutoencoder,
  newTextEncoder,
  newTransformer,
  pretrainedArguments,
  trainsTextEncoder,
} from "./models.ts";
import { textEncoderPart, trainedPart } from "./text-to-image-models.ts";

type Specs = ReadonlyMap<string, TensorSpec>;

/** Shapes of everything a stage holds, known before anything is read or drawn. */
export interface StageFootprint {
  /** Number of trained weights, and number of weights of the model that they belong to or are added to. */
  readonly trained: number;
  readonly model: number;
  /** Bytes in memory throughout the stage's training, by kind. */
  readonly memory: {
    readonly models: number;
    readonly gradients: number;
    readonly optimizer: number;
    readonly averages: number;
    /** Pictures as 8-bit values, which an autoencoder's stage holds twice when they have been read; 0 for other stages. */
    readonly pictures: number;
  };
  /** Bytes of a frozen text encoder that is loaded only to encode captions; 0 if there is none. */
  readonly encoder: number;
  /** Contents of its checkpoints. */
  readonly checkpoint: ReadonlyMap<string, Specs>;
  /** Null if the stage trains on the pictures themselves. */
  readonly latents: LatentShape | null;
  /** Width and dtype of the frozen captions' states; null if captions are not cached. */
  readonly captions: { readonly width: number; readonly dtype: DType } | null;
}

/** What the shapes of a config's stages depend on besides the config. */
export interface ShapeFacts {
  readonly classCount: number;
  readonly vocabSize: number;
  /** Names of the pictures that the stage trains on. */
  readonly pictures: readonly string[];
  /** Number of pictures that are held out. */
  readonly heldout: number;
}

const onMeta = <T>(build: () => T): T => construct({ device: "meta" }, build);

const specsOf = (tensors: ReadonlyMap<string, Tensor>): Specs =>
  new Map([...tensors].map(([key, { dtype, shape }]) => [key, { dtype, shape }]));

/** Bytes of tensors of these shapes. */
export const bytesOf = (specs: Specs): number =>
  [...specs.values()].reduce((sum, spec) => sum + (byteSize(spec) ?? 0), 0);

const count = (tensors: Iterable<{ readonly shape: readonly number[] }>): number =>
  [...tensors].reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);

/** A component's configuration; for a model on the Hub, nothing else is downloaded. */
export async function configOf(
  place: Filled<Pretrained>,
): Promise<[config: ConfigObject, path: string]> {
  const [name, { subfolder = "", revision }] = pretrainedArguments(place);
  const file = subfolder === "" ? "config.json" : `${subfolder}/config.json`;
  const folder = await resolveModel(name, { revision, files: [{ names: [file] }] });
  const path = join(folder, file);
  return [readConfig(path), path];
}

async function autoencoderOf(config: ResolvedConfig): Promise<AutoencoderKL> {
  const { autoencoder } = config;
  if (!("pretrained" in autoencoder)) {
    requireModelFits(
      { name: "autoencoder.layersPerBlock", layers: autoencoder.layersPerBlock },
      (layersPerBlock) => newAutoencoder(config, { ...autoencoder, layersPerBlock }),
    );
    return onMeta(() => newAutoencoder(config, autoencoder));
  }
  const [stored, path] = await configOf(autoencoder);
  const shape = readAutoencoderKLConfig(stored, path);
  requireModelFits(
    { name: `layers_per_block in ${path}`, layers: shape.layersPerBlock },
    (layersPerBlock) => new AutoencoderKL({ ...shape, layersPerBlock }),
  );
  return onMeta(() => new AutoencoderKL(shape));
}

async function textEncoderOf(config: ResolvedConfig, vocabSize: number): Promise<T5EncoderModel> {
  const { textEncoder } = config;
  if (!("pretrained" in textEncoder)) {
    requireModelFits(
      { name: "textEncoder.numLayers", layers: textEncoder.numLayers },
      (numLayers) => newTextEncoder(config, { ...textEncoder, numLayers }, vocabSize),
    );
    return onMeta(() => newTextEncoder(config, textEncoder, vocabSize));
  }
  const [stored, path] = await configOf(textEncoder);
  const shape = readT5Config(stored, path);
  requireModelFits(
    { name: `num_layers in ${path}`, layers: shape.numLayers },
    (numLayers) => new T5EncoderModel({ ...shape, numLayers }),
  );
  return onMeta(() => new T5EncoderModel(shape));
}

async function transformerOf(
  config: ResolvedConfig,
  stage: ResolvedStage<"text-to-image">,
  latents: LatentShape,
  captionChannels: number,
): Promise<PixArtTransformer2DModel> {
  const { transformer } = config;
  if (!("pretrained" in transformer)) {
    requireModelFits(
      { name: "transformer.numLayers", layers: transformer.numLayers },
      (numLayers) => newTransformer(withLayers(config, numLayers), stage, latents, captionChannels),
    );
    return onMeta(() => newTransformer(config, stage, latents, captionChannels));
  }
  const [stored, path] = await configOf(transformer);
  const shape = readPixArtTransformerConfig(stored, path);
  // Without compressed layers: the two layers counted may not be among them.
  requireModelFits(
    { name: `num_layers in ${path}`, layers: shape.numLayers },
    (numLayers) => new PixArtTransformer2DModel({ ...shape, numLayers, kvCompressConfig: null }),
  );
  return onMeta(() => new PixArtTransformer2DModel(shape));
}

/** The same config with a new transformer of this many layers. */
const withLayers = (config: ResolvedConfig, numLayers: number): ResolvedConfig => ({
  ...config,
  transformer: { ...config.transformer, numLayers },
});

/** Bytes of the tokens that enter a transformer's layers, per picture, in half precision. */
const layerInputs = (
  { size }: LatentShape,
  model: Pick<
    PixArtTransformerConfig,
    "numLayers" | "numAttentionHeads" | "attentionHeadDim" | "patchSize"
  >,
): number =>
  2 *
  model.numLayers *
  model.numAttentionHeads *
  model.attentionHeadDim *
  Math.floor(size / model.patchSize) ** 2;

/** The parts of a stage's task, as shapes. */
interface Parts {
  /** The model that the trained weights belong to or are added to. */
  readonly model: Module;
  /** Contents of its checkpoints. */
  readonly held: ReadonlyMap<string, Weights>;
  readonly trained: ReadonlyMap<string, Tensor>;
  /** Everything in memory. */
  readonly models: readonly Module[];
  readonly added: ReadonlyMap<string, Tensor>;
}

/** The shapes of one stage's models, gradients, moments, averages, checkpoints and features. */
export async function stageFootprint(
  config: ResolvedConfig,
  stage: ResolvedStage,
  facts: ShapeFacts,
): Promise<StageFootprint> {
  const vae = await autoencoderOf(config);
  try {
    const shapes = await shapesWith(vae, config, stage, facts);
    const losses = new Map(Object.entries(pictureLossSpecs(facts.pictures)));
    return { ...shapes, checkpoint: new Map([...shapes.checkpoint, ["losses", losses]]) };
  } finally {
    vae.dispose();
  }
}

async function shapesWith(
  vae: AutoencoderKL,
  config: ResolvedConfig,
  stage: ResolvedStage,
  { classCount, vocabSize, pictures, heldout }: ShapeFacts,
): Promise<StageFootprint> {
  const size = stage.resolution / autoencoderFactor(vae);
  const latents = { channels: vae.config.latentChannels, size };
  const none = new Map<string, Tensor>();
  if (stage.kind === "autoencoder") {
    requireBatch(stage.name, stage.batchSize, 4 * stage.resolution ** 2);
    const parts = { model: vae, models: [vae], held: new Map([["vae", vae]]), added: none };
    const trained = prefixed("vae", vae);
    const features = { encoder: 0, latents: null, captions: null };
    const shapes = shapesOf(stage, { ...parts, trained }, features);
    const read = 3 * stage.resolution ** 2 * (pictures.length + heldout);
    return { ...shapes, memory: { ...shapes.memory, pictures: 2 * read } };
  }
  if (stage.kind === "class-conditional") {
    const classes = Math.max(1, classCount);
    const { transformer } = config;
    if (!("pretrained" in transformer)) {
      requireModelFits(
        { name: "transformer.numLayers", layers: transformer.numLayers },
        (numLayers) => buildDiT(withLayers(config, numLayers), latents, classes),
      );
    }
    const dit = onMeta(() => buildDiT(config, latents, classes));
    requireBatch(stage.name, stage.batchSize, layerInputs(latents, dit.config));
    const held = new Map([["transformer", dit]]);
    const trained = prefixed("transformer", dit);
    const parts = { model: dit, models: [vae, dit], held, trained, added: none };
    return shapesOf(stage, parts, { encoder: 0, latents, captions: null });
  }
  const t5 = await textEncoderOf(config, vocabSize);
  const transformer = await transformerOf(config, stage, latents, t5.config.dModel);
  requireBatch(stage.name, stage.batchSize, layerInputs(latents, transformer.config));
  const { adapter, textEncoderAdapter, controlnet: options } = stage;
  const addedTo = (model: Module, given: typeof adapter): Adapter | undefined =>
    given === null
      ? undefined
      : addAdapter(model, adapterOptions(given), { generator: torch.generator(0) });
  const added = addedTo(transformer, adapter);
  const addedToText = addedTo(t5, textEncoderAdapter);
  const controlnet =
    options === null
      ? undefined
      : PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: options.blocks });
  const own = trainedPart({ transformer, adapter: added, controlnet });
  const inMemory = holdsTextEncoder(config) || addedToText !== undefined;
  const encoder = textEncoderPart({
    textEncoder: inMemory ? t5 : undefined,
    textEncoderAdapter: addedToText,
  });
  const held = new Map<string, Weights>(encoder === undefined ? [own] : [own, encoder]);
  const isLive = trainsTextEncoder(stage);
  const trained = new Map([
    ...prefixed(...own),
    ...(isLive && encoder !== undefined ? prefixed(...encoder) : []),
  ]);
  const isCached = config.dataset.cache.texts && !isLive;
  const dtype = inMemory ? "float32" : stage.precision;
  const t5Bytes = count(t5.parameters()) * (dtype === "float32" ? 4 : 2);
  const stays = inMemory || !config.dataset.cache.texts;
  const parts = {
    model: transformer,
    models: [vae, transformer, ...(controlnet === undefined ? [] : [controlnet])],
    held,
    trained,
    added: new Map(
      [added, addedToText].flatMap((each, i) =>
        [...(each?.parameters() ?? [])].map(([key, tensor]) => [`${i}.${key}`, tensor] as const),
      ),
    ),
  };
  const shapes = shapesOf(stage, parts, {
    encoder: stays ? 0 : t5Bytes,
    latents,
    captions: isCached ? { width: t5.config.dModel, dtype } : null,
  });
  const teacher = stage.consistency !== null && adapter === null ? transformer.parameters() : [];
  const models = shapes.memory.models + (stays ? t5Bytes : 0) + 4 * count(teacher);
  return { ...shapes, memory: { ...shapes.memory, models } };
}

function shapesOf(
  stage: ResolvedStage,
  { model, held, trained, models, added }: Parts,
  features: Pick<StageFootprint, "encoder" | "latents" | "captions">,
): StageFootprint {
  const optimizer = createOptimizer(stage.optimizer, [{ parameters: trained }]);
  const state = specsOf(optimizer.stateDict());
  optimizer.dispose();
  const weights = new Map([...held].flatMap(([prefix, each]) => [...prefixed(prefix, each)]));
  const averages = stage.ema === null ? undefined : specsOf(trained);
  const sum = (modules: readonly Module[]): number =>
    modules.reduce((total, each) => total + bytesOf(specsOf(each.stateDict())), 0);
  return {
    trained: count(trained.values()),
    model: count(model.parameters()),
    memory: {
      models: sum(models) + bytesOf(specsOf(added)),
      gradients: bytesOf(specsOf(trained)),
      optimizer: bytesOf(state),
      averages: averages === undefined ? 0 : bytesOf(averages),
      pictures: 0,
    },
    checkpoint: new Map([
      ["weights", specsOf(weights)],
      ...(averages === undefined ? [] : ([["ema", averages]] as const)),
      ["optimizer", state],
    ]),
    ...features,
  };
}
