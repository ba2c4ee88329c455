import { join } from "node:path";
import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import {
  type AutoencoderKL,
  type DiTTransformer2DModel,
  type PixArtTransformer2DModel,
  pixArtFromDiT,
  type T5EncoderModel,
} from "../models/index.ts";
import type { T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { type Checkpoint, latestCheckpoint } from "./checkpoint.ts";
import {
  autoencoderFactor,
  buildAutoencoder,
  buildDiT,
  buildTextEncoder,
  buildTransformer,
} from "./models.ts";
import { unprefixed } from "./stage-task.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** Where a run keeps a stage's checkpoints. */
export const stageCheckpoints = (checkpoints: string, stage: string): string =>
  join(checkpoints, stage);

const numberFact = (checkpoint: Checkpoint, name: string): number => {
  const { state } = checkpoint;
  const value =
    typeof state === "object" && state !== null && !Array.isArray(state)
      ? (state as Record<string, unknown>)[name]
      : undefined;
  if (typeof value !== "number")
    throw new Error(`The checkpoint ${checkpoint.path} lacks the fact "${name}"`);
  return value;
};

/** A checkpoint's weights: averaged where there are averages, unless the raw ones are asked for. */
function weightsOf(checkpoint: Checkpoint, averaged: boolean): Map<string, Tensor> {
  const weights = checkpoint.read("weights");
  if (!averaged) return weights;
  return new Map([...weights, ...checkpoint.read("ema")]);
}

/** Models rebuilt from the checkpoints of a run's stages. */
export class StageModels {
  readonly #config: ResolvedConfig;
  readonly #checkpoints: string;

  constructor(config: ResolvedConfig, checkpoints: string) {
    this.#config = config;
    this.#checkpoints = checkpoints;
  }

  /** The newest checkpoint of a stage; undefined where it was not begun. */
  latest(stage: ResolvedStage): Promise<Checkpoint | undefined> {
    return latestCheckpoint(stageCheckpoints(this.#checkpoints, stage.name));
  }

  /** The checkpoint that a complete stage ended with. Throws where the stage is not complete. */
  async finished(stage: ResolvedStage): Promise<Checkpoint> {
    const checkpoint = await this.latest(stage);
    if (checkpoint?.step !== stage.steps) {
      throw new Error(
        `Stage "${stage.name}" is not complete: its newest checkpoint is ${checkpoint === undefined ? "missing" : `of step ${checkpoint.step} of ${stage.steps}`} (${stageCheckpoints(this.#checkpoints, stage.name)}). Train it first`,
      );
    }
    return checkpoint;
  }

  /** The autoencoder for a stage: the pretrained one, or what its own stage ended with. */
  async autoencoder(): Promise<AutoencoderKL> {
    const stage = this.#config.stages.find((s) => s.kind === "autoencoder");
    if (stage === undefined) {
      const vae = await buildAutoencoder(this.#config);
      return vae.requiresGrad_(false);
    }
    const checkpoint = await this.finished(stage);
    const vae = await buildAutoencoder(this.#config, numberFact(checkpoint, "scalingFactor"));
    return torch.tidy(() => {
      vae.loadStateDict(unprefixed("vae", weightsOf(checkpoint, true)));
      return vae.requiresGrad_(false);
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
    );
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
  ): Promise<{ transformer: PixArtTransformer2DModel; textEncoder: T5EncoderModel }> {
    const textEncoder = await buildTextEncoder(this.#config, tokenizer.vocabSize);
    const transformer = buildTransformer(
      this.#config,
      stage,
      this.#latents(stage, vae),
      textEncoder.config.dModel,
    );
    torch.tidy(() => {
      const weights = weightsOf(checkpoint, averaged);
      transformer.loadStateDict(unprefixed("transformer", weights));
      const encoder = unprefixed("text_encoder", weights);
      if (encoder.size > 0) textEncoder.loadStateDict(encoder);
    });
    return { transformer, textEncoder };
  }

  /**
   * What a text-to-image stage starts from: the models of the stage before it; the re-parametrised transformer if that
   * was class-conditional; fresh ones if there is none. Averaged weights throughout.
   */
  async startTextToImage(
    stage: TextToImageStage,
    vae: AutoencoderKL,
    tokenizer: T5Tokenizer,
  ): Promise<{ transformer: PixArtTransformer2DModel; textEncoder: T5EncoderModel }> {
    const { stages, seed } = this.#config;
    const before = stages.slice(0, stages.indexOf(stage)).findLast((s) => s.kind !== "autoencoder");
    if (before?.kind === "text-to-image") {
      const checkpoint = await this.finished(before);
      const models = await this.textToImage(before, vae, tokenizer, checkpoint, true);
      const transformer = buildTransformer(
        this.#config,
        stage,
        this.#latents(stage, vae),
        models.textEncoder.config.dModel,
      );
      transformer.loadStateDict(models.transformer.stateDict());
      models.transformer.dispose();
      return { transformer, textEncoder: models.textEncoder };
    }
    const textEncoder = await buildTextEncoder(this.#config, tokenizer.vocabSize);
    const captionChannels = textEncoder.config.dModel;
    const transformer = buildTransformer(
      this.#config,
      stage,
      this.#latents(stage, vae),
      captionChannels,
    );
    if (before?.kind === "class-conditional") {
      const dit = this.dit(before, vae, await this.finished(before), true);
      const generator = torch.stream(seed, "init/re-parametrisation", 0);
      const converted = pixArtFromDiT(dit, { captionChannels, generator });
      // What DiT has no counterpart of, the micro-conditions' embedders, keeps its first weights.
      transformer.loadStateDict(new Map([...transformer.stateDict(), ...converted.stateDict()]));
      converted.dispose();
      dit.dispose();
    }
    return { transformer, textEncoder };
  }

  #latents(stage: ResolvedStage, vae: AutoencoderKL): { channels: number; size: number } {
    return { channels: vae.config.latentChannels, size: stage.resolution / autoencoderFactor(vae) };
  }
}
