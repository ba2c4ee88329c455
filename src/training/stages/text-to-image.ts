import type { ResolvedStage } from "../../config/index.ts";
import {
  type Adapter,
  PixArtControlNetTransformerModel,
  type PixArtTransformer2DModel,
} from "../../models/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import {
  type Batch,
  type LoadedBatch,
  type OnProgress,
  prefixed,
  type SampleSheet,
  type StageLoss,
  type StageTask,
  type Weights,
  type WithAverages,
} from "../contract/stage-task.ts";
import { chosenCaption } from "../dataset/example-captions.ts";
import type { LoadedPicture } from "../features/latents.ts";
import type { LoadedPrior, PriorPictures } from "../features/prior-pictures.ts";
import { trainsTextEncoder } from "../models/models.ts";
import { textEncoderPart, trainedPart } from "../models/text-to-image-models.ts";
import { Consistency } from "./consistency.ts";
import { Denoising } from "./denoising.ts";
import type { TextToImageParts } from "./text-to-image-parts.ts";
import { textToImageSamples } from "./text-to-image-samples.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** Inputs of a loss: a batch's latents (B, C, h, w) and the data of each sample. */
interface Denoised {
  readonly original: Tensor;
  readonly pictures: readonly LoadedPicture[];
  /** As prepared for encoding. */
  readonly texts: readonly string[];
  readonly draws: SampleRng;
  /** (B, C, h, w): latents of the control pictures */
  readonly condition?: Tensor | undefined;
}

/** Stages 2 and 3, text-image alignment and high aesthetics, and fine-tuning: trains the PixArt transformer on captions. */
export class TextToImageTask implements StageTask {
  readonly models: StageTask["models"];
  readonly groups: StageTask["groups"];
  readonly counts: StageTask["counts"];
  readonly idle: readonly Tensor[];
  readonly buckets: NonNullable<StageTask["buckets"]>;
  readonly #stage: TextToImageStage;
  readonly #parts: TextToImageParts;
  readonly #denoising: Denoising;
  readonly #consistency: Consistency | undefined;
  readonly #controlled: PixArtControlNetTransformerModel | undefined;

  constructor(stage: TextToImageStage, parts: TextToImageParts) {
    const { transformer, control, textEncoder, examples, latents, noise } = parts;
    this.#stage = stage;
    this.#parts = parts;
    this.#denoising = new Denoising(stage, noise);
    const { consistency } = stage;
    this.#consistency =
      consistency === null ? undefined : new Consistency(stage, consistency, noise);
    this.#controlled =
      control && new PixArtControlNetTransformerModel(transformer, control.controlnet);
    const trained = trainedPart({ ...parts, controlnet: control?.controlnet });
    const encoder = textEncoderPart(parts);
    this.models = new Map<string, Weights>(encoder === undefined ? [trained] : [trained, encoder]);
    const { lr, textEncoderLr } = stage.optimizer;
    this.groups = [
      { parameters: prefixed(...trained) },
      ...(trainsTextEncoder(stage) && encoder !== undefined
        ? [{ parameters: prefixed(...encoder), lrScale: (textEncoderLr ?? lr) / lr }]
        : []),
    ];
    this.idle = latents.train.isCached ? parts.vae.parameters() : [];
    this.counts = { train: examples.train.length, heldout: examples.heldout.length };
    this.buckets = { train: latents.train.buckets, heldout: latents.heldout.buckets };
    textEncoder?.requiresGrad_(stage.trainTextEncoder);
  }

  describe(id: number): string {
    return this.#parts.examples.train[id]?.file ?? String(id);
  }

  /**
   * A batch uses either dense or short captions: in a mixed batch the short ones would be padded to the length of the dense ones
   * and cost as much. Of several short captions one is drawn, as in diffusers' training scripts; validation uses the first. The
   * empty caption is the unconditional one of classifier-free guidance.
   */
  #chooseCaptions({ split, index, ids, draws, isMeasured = false }: Batch): string[] {
    const { examples, config } = this.#parts;
    const { seed, dataset } = config;
    const generator = torch.stream(seed, `${this.#stage.name}/captions/${split}`, index);
    const isDense =
      torch.tidy(() => torch.rand([1], { generator }).item()) < dataset.denseCaptionProbability;
    const chosen = ids.map((id) => examples[split][id]);
    const isDrawn = !isMeasured && chosen.some((example) => example?.shortCaptions !== undefined);
    const shares = isDrawn ? this.#captionDraws(draws) : [];
    const texts = chosen.map((example, i) =>
      example === undefined ? "" : chosenCaption(example, isDense, shares[i] ?? 0),
    );
    return this.#prepared(texts, draws, isMeasured ? 0 : dataset.captionDropout);
  }

  /** One number in [0, 1) per sample, from a separate stream: noise and timesteps stay those of pictures with one caption. */
  #captionDraws({ positions }: SampleRng): number[] {
    const { seed } = this.#parts.config;
    return new SampleRng(seed, `${this.#stage.name}/caption`, positions).uniform();
  }

  #prepared(captions: readonly string[], draws: SampleRng, dropout: number): string[] {
    const dropped = draws.uniform().map((u) => u < dropout);
    return captions.map((caption, i) => (dropped[i] ? "" : this.#parts.prepare(caption)));
  }

  async load(batch: Batch): Promise<LoadedBatch> {
    const { latents, prior, control } = this.#parts;
    const { split, ids, draws, isMeasured = false } = batch;
    const seen = latents[split].see(ids, draws);
    const pictures = await latents[split].loadSeen(seen);
    const controls = await control?.latents[split].loadSeen(seen);
    const classes = isMeasured ? undefined : await prior?.load(draws.positions);
    const loss: LoadedBatch["loss"] = (withAverages = (body) => body()) => {
      const original = latents[split].draw(pictures, draws); // (B, C, h, w)
      const condition = controls && this.#condition(batch, controls); // (B, C, h, w)
      const texts = this.#chooseCaptions(batch);
      const own = { original, pictures, texts, draws, condition };
      if (this.#consistency !== undefined)
        return this.#distil(this.#consistency, own, withAverages);
      return prior === undefined || classes === undefined
        ? this.#loss(own)
        : this.#lossWithPrior(own, prior, classes);
    };
    return { loss };
  }

  /** Drawn from separate streams: the pictures' noise and timesteps stay those of training without a ControlNet. */
  #condition({ split, draws }: Batch, controls: readonly LoadedPicture[]): Tensor | undefined {
    const { control, config } = this.#parts;
    const own = new SampleRng(config.seed, `${this.#stage.name}/control`, draws.positions);
    return control?.latents[split].draw(controls, own);
  }

  #loss(
    { original, pictures, texts, draws, condition }: Denoised,
    weights?: readonly number[],
  ): StageLoss {
    const predict = this.#predictor(this.#parts.transformer, pictures, texts, condition);
    return this.#denoising.loss(original, draws, predict, weights);
  }

  /**
   * The transformer's output for noisy latents of pictures with these captions; with a condition, that of the controlled
   * transformer.
   */
  #predictor(
    transformer: PixArtTransformer2DModel,
    pictures: readonly LoadedPicture[],
    texts: readonly string[],
    condition?: Tensor,
  ): (noisy: Tensor, timesteps: readonly number[]) => Tensor {
    const { device } = transformer;
    const { states, mask } = this.#parts.captions.states(texts);
    const sizes = pictures.map(({ originalSize: { height, width } }) => [height, width]);
    const ratios = pictures.map(({ bucket }) => [bucket.ratio]);
    return (noisy, timesteps) => {
      const inputs = {
        encoderHiddenStates: states.to({ device }),
        encoderAttentionMask: mask.to({ device }),
        timestep: torch.tensor([...timesteps], { device }),
        addedCondKwargs: {
          resolution: torch.tensor(sizes, { device }),
          aspectRatio: torch.tensor(ratios, { device }),
        },
      };
      return this.#controlled === undefined
        ? transformer.call(noisy, inputs)
        : this.#controlled.call(noisy, { ...inputs, controlnetCond: condition });
    };
  }

  /** The teacher is the model that the stage starts with: a separate one, or the student without its adapter. */
  #distil(
    consistency: Consistency,
    { original, pictures, texts, draws }: Denoised,
    withAverages: WithAverages,
  ): StageLoss {
    const { transformer, teacher, adapter } = this.#parts;
    const student = this.#predictor(transformer, pictures, texts);
    const asTeacher = (captions: readonly string[]): typeof student => {
      const predict = this.#predictor(teacher ?? transformer, pictures, captions);
      return (noisy, timesteps) => withoutAdapter(adapter, () => predict(noisy, timesteps));
    };
    return consistency.loss(original, draws, {
      student,
      teacher: {
        conditional: asTeacher(texts),
        unconditional: asTeacher(texts.map(() => "")),
      },
      target: (noisy, timesteps) => withAverages(() => student(noisy, timesteps)),
    });
  }

  /**
   * Both halves form one batch, as in diffengine: the loss is the mean over all of it. Only the data set's half has picture
   * names.
   */
  #lossWithPrior(own: Denoised, prior: PriorPictures, classes: LoadedPrior): StageLoss {
    const count = own.pictures.length;
    const { captionDropout } = this.#parts.config.dataset;
    const classLatents = prior.latents.draw(classes.pictures, classes.draws);
    const classTexts = this.#prepared(classes.captions, classes.draws, captionDropout);
    const both: Denoised = {
      original: torch.cat([own.original, classLatents]),
      pictures: [...own.pictures, ...classes.pictures],
      texts: [...own.texts, ...classTexts],
      draws: own.draws.joined(classes.draws),
    };
    const weights = both.pictures.map((_, i) => (i < count ? 1 : prior.weight));
    const { samples, ...loss } = this.#loss(both, weights);
    const values = samples.values.narrow(0, 0, count);
    return { ...loss, samples: { values, timesteps: samples.timesteps?.slice(0, count) } };
  }

  sample(signal?: AbortSignal, onProgress?: OnProgress): Promise<SampleSheet> {
    return textToImageSamples(this.#stage, this.#parts, { signal, onProgress });
  }

  async facts(): Promise<Readonly<Record<string, number>>> {
    return {};
  }

  dispose(): void {
    const { transformer, control, teacher, vae, latents, prior, captions } = this.#parts;
    teacher?.dispose();
    for (const part of [transformer, vae, latents.train, latents.heldout, captions]) part.dispose();
    prior?.latents.dispose();
    control?.controlnet.dispose();
    for (const each of Object.values(control?.latents ?? {})) each.dispose();
  }
}

function withoutAdapter<T>(adapter: Adapter | undefined, body: () => T): T {
  if (adapter === undefined) return body();
  adapter.enabled = false;
  try {
    return body();
  } finally {
    adapter.enabled = true;
  }
}
