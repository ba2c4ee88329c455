import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import type {
  AutoencoderKL,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import type { CaptionChoice, Captions } from "../captions.ts";
import type { LatentCache } from "../latent-cache.ts";
import {
  type Batch,
  prefixed,
  type SampleSheet,
  type Split,
  type StageLoss,
  type StageTask,
} from "../stage-task.ts";
import type { Example } from "../training-data.ts";
import { Denoising, samplerFor } from "./denoising.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** What {@link TextToImageTask} works on. */
export interface TextToImageParts {
  readonly transformer: PixArtTransformer2DModel;
  readonly textEncoder: T5EncoderModel;
  readonly tokenizer: T5Tokenizer;
  readonly vae: AutoencoderKL;
  readonly latents: Readonly<Record<Split, LatentCache>>;
  readonly captions: Readonly<Record<Split, Captions>>;
  readonly examples: Readonly<Record<Split, readonly Example[]>>;
  readonly config: ResolvedConfig;
}

/** Stages 2 and 3, text-image alignment and high aesthetics: the PixArt transformer learns from captions. */
export class TextToImageTask implements StageTask {
  readonly models: StageTask["models"];
  readonly groups: StageTask["groups"];
  readonly counts: StageTask["counts"];
  readonly #stage: TextToImageStage;
  readonly #parts: TextToImageParts;
  readonly #denoising: Denoising;

  constructor(stage: TextToImageStage, parts: TextToImageParts) {
    const { transformer, textEncoder, config, examples } = parts;
    this.#stage = stage;
    this.#parts = parts;
    this.#denoising = new Denoising(stage.loss);
    const holdsEncoder = !("pretrained" in config.textEncoder);
    this.models = new Map<string, Module>([
      ["transformer", transformer],
      ...(holdsEncoder ? ([["text_encoder", textEncoder]] as const) : []),
    ]);
    const { lr, textEncoderLr } = stage.optimizer;
    this.groups = [
      { parameters: prefixed("transformer", transformer) },
      ...(stage.trainTextEncoder
        ? [
            {
              parameters: prefixed("text_encoder", textEncoder),
              lrScale: (textEncoderLr ?? lr) / lr,
            },
          ]
        : []),
    ];
    this.counts = { train: examples.train.length, heldout: examples.heldout.length };
    textEncoder.requiresGrad_(stage.trainTextEncoder);
    if (!stage.trainTextEncoder)
      for (const captions of Object.values(parts.captions)) captions.freeze(textEncoder);
  }

  describe(id: number): string {
    return this.#parts.examples.train[id]?.file ?? String(id);
  }

  /**
   * A whole batch takes its dense captions or its short ones: mixed, the short ones would be padded to the dense ones'
   * length and cost as much.
   */
  #chooseCaptions({ split, index, ids, draws }: Batch): CaptionChoice[] {
    const { seed, dataset } = this.#parts.config;
    const generator = torch.stream(seed, `${this.#stage.name}/captions/${split}`, index);
    const isDense =
      torch.tidy(() => torch.rand([1], { generator }).item()) < dataset.denseCaptionProbability;
    const dropped = draws.uniform().map((u) => split === "train" && u < dataset.captionDropout);
    return ids.map((_, i) => (dropped[i] ? "empty" : isDense ? "dense" : "short"));
  }

  loss(batch: Batch): StageLoss {
    const { transformer, textEncoder, vae, latents, captions } = this.#parts;
    const { split, ids, draws } = batch;
    const cache = latents[split];
    const original = cache.draw(ids, draws.normal(cache.shape)).mul(vae.config.scalingFactor); // (B, C, h, w)
    const { states, mask } = captions[split].batch(ids, this.#chooseCaptions(batch), textEncoder);
    const { resolution } = this.#stage;
    const size = torch.full([ids.length, 2], resolution);
    return this.#denoising.loss(original, draws, (noisy, timesteps) =>
      transformer.call(noisy, {
        encoderHiddenStates: states,
        encoderAttentionMask: mask,
        timestep: torch.tensor([...timesteps]),
        addedCondKwargs: { resolution: size, aspectRatio: torch.ones([ids.length, 1]) },
      }),
    );
  }

  async sample(): Promise<SampleSheet> {
    const { transformer, textEncoder, tokenizer, vae, config } = this.#parts;
    const { prompts, steps, guidanceScale, seed } = config.sampling;
    const pipe = PixArtAlphaPipeline.create({
      transformer,
      textEncoder,
      tokenizer,
      vae,
      scheduler: samplerFor(this.#stage.loss),
    });
    const { resolution } = this.#stage;
    const { images } = await pipe([...prompts], {
      width: resolution,
      height: resolution,
      numInferenceSteps: steps,
      guidanceScale,
      generator: torch.generator(seed),
      useResolutionBinning: false,
      maxSequenceLength: config.tokenizer.maxLength,
      cleanCaption: false, // as the captions that it learns from
    });
    return { images, labels: [...prompts] };
  }

  facts(): Readonly<Record<string, number>> {
    return {};
  }

  dispose(): void {
    const { transformer, textEncoder, vae, latents, captions } = this.#parts;
    for (const part of [
      transformer,
      textEncoder,
      vae,
      latents.train,
      latents.heldout,
      captions.train,
      captions.heldout,
    ]) {
      part.dispose();
    }
  }
}
