import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { IncompatibleError, RunError } from "../../errors/index.ts";
import {
  type Adapter,
  type AutoencoderKL,
  addAdapter,
  type DiTTransformer2DModel,
  type FromDiTOptions,
  PixArtControlNetAdapterModel,
  type PixArtTransformer2DModel,
  pixArtFromDiT,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { type Checkpoint, latestCheckpoint } from "../checkpoints/checkpoint.ts";
import { stageCheckpoints, type Warn, warnOnStderr } from "../checkpoints/checkpoint-folder.ts";
import { unprefixed } from "../contract/stage-task.ts";
import { adapterOptions } from "./adapters.ts";
import {
  autoencoderFactor,
  buildAutoencoder,
  buildDiT,
  buildTextEncoder,
  buildTransformer,
  frozenTextEncoder,
  holdsTextEncoder,
} from "./models.ts";
import {
  type TextToImageModels,
  textEncoderPart,
  trainedPart,
  widthOf,
} from "./text-to-image-models.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

const numberFact = (checkpoint: Checkpoint, name: string): number => {
  const { state } = checkpoint;
  const value =
    typeof state === "object" && state !== null && !Array.isArray(state)
      ? (state as Record<string, unknown>)[name]
      : undefined;
  if (typeof value !== "number")
    throw new IncompatibleError(`The checkpoint ${checkpoint.path} does not record "${name}"`);
  return value;
};

/** A checkpoint's weights: the averages if there are any, unless the raw weights are requested. */
function weightsOf(checkpoint: Checkpoint, averaged: boolean): Map<string, Tensor> {
  const weights = checkpoint.read("weights");
  if (!averaged || !checkpoint.groups.includes("ema")) return weights;
  return new Map([...weights, ...checkpoint.read("ema")]);
}

/** Rebuilds models from the checkpoints of a run's stages, on one device. */
export class RunModelLoader {
  readonly device: torch.Device;
  readonly #config: ResolvedConfig;
  readonly #checkpoints: string;
  readonly #warn: Warn;

  /** @param warn called once per damaged checkpoint, however often it is examined; prints to stderr by default */
  constructor(
    config: ResolvedConfig,
    checkpoints: string,
    device: torch.Device = "cpu",
    warn: Warn = warnOnStderr,
  ) {
    this.device = device;
    this.#config = config;
    this.#checkpoints = checkpoints;
    const told = new Set<string>();
    this.#warn = (message) => {
      if (!told.has(message)) warn(message);
      told.add(message);
    };
  }

  /** The newest checkpoint of a stage; undefined if the stage has not begun. */
  latest(stage: ResolvedStage): Promise<Checkpoint | undefined> {
    return latestCheckpoint(stageCheckpoints(this.#checkpoints, stage.name), this.#warn);
  }

  /** The final checkpoint of a complete stage. Throws if the stage is not complete. */
  async finished(stage: ResolvedStage): Promise<Checkpoint> {
    const checkpoint = await this.latest(stage);
    if (checkpoint?.step !== stage.steps) {
      throw new RunError(
        "ERR_NO_CHECKPOINT",
        `Stage "${stage.name}" is not complete: its newest checkpoint is ${checkpoint === undefined ? "missing" : `of step ${checkpoint.step} of ${stage.steps}`} (${stageCheckpoints(this.#checkpoints, stage.name)}). Train it first`,
      );
    }
    return checkpoint;
  }

  /** The autoencoder for a stage: the pretrained one, or the result of its own stage. */
  async autoencoder(): Promise<AutoencoderKL> {
    const { device } = this;
    const stage = this.#config.stages.find((s) => s.kind === "autoencoder");
    if (stage === undefined) {
      const vae = await buildAutoencoder(this.#config);
      return vae.to({ device }).requiresGrad_(false);
    }
    const checkpoint = await this.finished(stage);
    const vae = await buildAutoencoder(this.#config, numberFact(checkpoint, "scalingFactor"));
    return torch.tidy(() => {
      vae.loadStateDict(unprefixed("vae", weightsOf(checkpoint, true)));
      return vae.to({ device }).requiresGrad_(false);
    });
  }

  /** The class-conditional transformer of a stage, from a checkpoint. */
  dit(
    stage: ResolvedStage,
    vae: AutoencoderKL,
    checkpoint: Checkpoint,
    averaged: boolean,
  ): DiTTransformer2DModel {
    const dit = buildDiT(
      this.#config,
      this.#latents(stage, vae),
      numberFact(checkpoint, "classCount"),
    ).to({ device: this.device });
    torch.tidy(() => dit.loadStateDict(unprefixed("transformer", weightsOf(checkpoint, averaged))));
    return dit;
  }

  /** The text-to-image models of a stage, from a checkpoint. */
  async textToImage(
    stage: TextToImageStage,
    vae: AutoencoderKL,
    tokenizer: T5Tokenizer,
    checkpoint: Checkpoint,
    averaged: boolean,
  ): Promise<TextToImageModels> {
    const { adapter, textEncoderAdapter, controlnet } = stage;
    const isPart = [adapter, textEncoderAdapter, controlnet].some((part) => part !== null);
    // A checkpoint that holds only a part lacks the model it was trained on.
    const models = isPart
      ? await this.startTextToImage(stage, vae, tokenizer)
      : await this.#newModels(stage, vae, tokenizer);
    torch.tidy(() => {
      const weights = weightsOf(checkpoint, averaged);
      for (const part of [trainedPart(models), textEncoderPart(models)])
        part?.[1].loadStateDict(unprefixed(part[0], weights));
    });
    return models;
  }

  /**
   * The models that a text-to-image stage starts from: those of the previous text-to-image stage; the re-parameterised
   * transformer if the previous stage was class-conditional; pretrained or new ones if there is none. Always with averaged
   * weights.
   */
  async startTextToImage(
    stage: TextToImageStage,
    vae: AutoencoderKL,
    tokenizer: T5Tokenizer,
  ): Promise<TextToImageModels> {
    const { stages, seed } = this.#config;
    const before = stages.slice(0, stages.indexOf(stage)).findLast((s) => s.kind !== "autoencoder");
    if (before?.kind === "text-to-image") {
      const checkpoint = await this.finished(before);
      const models = await this.textToImage(before, vae, tokenizer, checkpoint, true);
      // An encoder that is loaded when needed is loaded in this stage's precision.
      const textEncoder =
        models.textEncoder instanceof T5EncoderModel
          ? models.textEncoder
          : await this.#newTextEncoder(stage, tokenizer);
      const transformer = await this.#newTransformer(stage, vae, textEncoder);
      transformer.loadStateDict(models.transformer.stateDict());
      models.transformer.dispose();
      return this.#withParts(stage, transformer, textEncoder, tokenizer);
    }
    const { transformer, textEncoder } = await this.#newModels(stage, vae, tokenizer);
    if (before?.kind === "class-conditional") {
      const dit = this.dit(before, vae, await this.finished(before), true);
      const generator = torch.stream(seed, "init/re-parametrisation", 0);
      const captionChannels = await widthOf(textEncoder);
      const converted = this.fromDiT(dit, { captionChannels, generator });
      // Parameters without a counterpart in DiT, the micro-conditions' embedders, keep their initial weights.
      transformer.loadStateDict(new Map([...transformer.stateDict(), ...converted.stateDict()]));
      converted.dispose();
      dit.dispose();
    }
    return this.#withParts(stage, transformer, textEncoder, tokenizer);
  }

  /** Converts a class-conditional stage's result into the next stage's transformer. Experiments may override it. */
  protected fromDiT(dit: DiTTransformer2DModel, options: FromDiTOptions): PixArtTransformer2DModel {
    return pixArtFromDiT(dit, options);
  }

  /** A stage's transformer before any training. Experiments may override it. */
  protected buildTransformer(
    ...given: Parameters<typeof buildTransformer>
  ): ReturnType<typeof buildTransformer> {
    return buildTransformer(...given);
  }

  /** Models with their configured weights. */
  async #newModels(
    stage: TextToImageStage,
    vae: AutoencoderKL,
    tokenizer: T5Tokenizer,
  ): Promise<TextToImageModels> {
    const textEncoder = await this.#newTextEncoder(stage, tokenizer);
    const transformer = await this.#newTransformer(stage, vae, textEncoder);
    const none = { adapter: undefined, controlnet: undefined, textEncoderAdapter: undefined };
    return { transformer, textEncoder, ...none };
  }

  /** In memory if checkpoints contain it; otherwise a frozen encoder that is loaded when needed. */
  async #newTextEncoder(
    stage: TextToImageStage,
    tokenizer: T5Tokenizer,
  ): Promise<TextToImageModels["textEncoder"]> {
    const { textEncoder } = this.#config;
    return "pretrained" in textEncoder && !holdsTextEncoder(this.#config)
      ? frozenTextEncoder(textEncoder, stage, this.device)
      : this.#ownTextEncoder(tokenizer);
  }

  async #ownTextEncoder(tokenizer: T5Tokenizer): Promise<T5EncoderModel> {
    const made = await buildTextEncoder(this.#config, tokenizer.vocabSize);
    return made.to({ device: this.device });
  }

  async #newTransformer(
    stage: TextToImageStage,
    vae: AutoencoderKL,
    textEncoder: TextToImageModels["textEncoder"],
  ): Promise<PixArtTransformer2DModel> {
    const latents = this.#latents(stage, vae);
    const width = (): Promise<number> => widthOf(textEncoder);
    const made = await this.buildTransformer(this.#config, stage, latents, width);
    return made.to({ device: this.device });
  }

  /** Adds the parts that a stage trains instead of the models' own weights, untrained. Freezes those weights. */
  async #withParts(
    { name, adapter, textEncoderAdapter, controlnet }: TextToImageStage,
    transformer: PixArtTransformer2DModel,
    given: TextToImageModels["textEncoder"],
    tokenizer: T5Tokenizer,
  ): Promise<TextToImageModels> {
    // An adapter needs a model that stays in memory.
    const textEncoder =
      textEncoderAdapter === null || given instanceof T5EncoderModel
        ? given
        : await this.#ownTextEncoder(tokenizer);
    const added = (
      model: Module,
      options: TextToImageStage["adapter"],
      draws: string,
    ): Adapter | undefined => {
      const generator = torch.stream(this.#config.seed, `${name}/${draws}`, 0);
      return options === null
        ? undefined
        : addAdapter(model, adapterOptions(options), { generator });
    };
    if (controlnet !== null) transformer.requiresGrad_(false);
    return {
      transformer,
      textEncoder,
      adapter: added(transformer, adapter, "adapter"),
      textEncoderAdapter:
        textEncoder instanceof T5EncoderModel
          ? added(textEncoder, textEncoderAdapter, "text-encoder-adapter")
          : undefined,
      controlnet:
        controlnet === null
          ? undefined
          : PixArtControlNetAdapterModel.fromTransformer(transformer, {
              numLayers: controlnet.blocks,
            }),
    };
  }

  #latents(stage: ResolvedStage, vae: AutoencoderKL): { channels: number; size: number } {
    return { channels: vae.config.latentChannels, size: stage.resolution / autoencoderFactor(vae) };
  }
}
