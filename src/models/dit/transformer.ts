import { UnsupportedError } from "../../errors/index.ts";
import { Embedding, init, LayerNorm, Linear, Module, ModuleList } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { functional as F, type Generator, type Tensor } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { refuseUnmergedAdapters } from "../adapters/index.ts";
import { chunk } from "../chunk.ts";
import { PatchEmbed, TimestepEmbedding, timestepSinusoid, unpatchify } from "../embeddings.ts";
import { initialize } from "../initialize.ts";
import { loadPretrained, loadSingleFile, type PretrainedOptions } from "../pretrained.ts";
import type { SingleFileOptions } from "../single-file.ts";
import { DiTBlock } from "./block.ts";
import { type DiTConfig, diTConfig, readDiTConfig, writeDiTConfig } from "./config.ts";
import { fromDiffusersDiT, ownDiTKeys, toDiffusersDiT } from "./diffusers-keys.ts";
import { readDiTFile } from "./single-file.ts";

// Shapes: B batch, C channels, H height, W width, p side of a patch, h = H/p, w = W/p, N = h·w image tokens,
// D hidden width.

/** Inputs of {@link DiTTransformer2DModel} in addition to the noisy picture. */
export interface DiTInputs {
  /** (B), of any dtype: timesteps of the training's schedule, 0 to 999, which may be fractional. Embedded in float32. */
  readonly timestep: Tensor;
  /** (B) int64: a class, or {@link DiTTransformer2DModel.noClass}. Without it, nothing is added to the embedded time. */
  readonly classLabels?: Tensor | undefined;
}

/** One row of the class table, (B) → (B, D), under diffusers' name. */
export class LabelEmbedding extends Module {
  readonly embeddingTable: Embedding;

  constructor(rows: number, width: number) {
    super();
    this.embeddingTable = new Embedding(rows, width);
  }

  override forward(labels: Tensor): Tensor {
    return this.embeddingTable.call(labels);
  }
}

/**
 * The class-conditional diffusion transformer DiT (arXiv 2212.09748, facebookresearch/DiT `models.py`), from which PixArt starts.
 * All blocks share one time and one class embedding, as in the original.
 */
export class DiTTransformer2DModel extends Module {
  static override readonly keys = { projOut1: "proj_out_1", projOut2: "proj_out_2" };

  readonly config: DiTConfig;
  /** Whether to recompute blocks in backward instead of keeping their activations. */
  gradientCheckpointing = false;

  readonly posEmbed: PatchEmbed;
  readonly timestepEmbedder: TimestepEmbedding;
  readonly classEmbedder: LabelEmbedding;
  readonly transformerBlocks: ModuleList<DiTBlock>;
  readonly normOut: LayerNorm;
  readonly projOut1: Linear;
  readonly projOut2: Linear;

  /** Parameters are initialized as in diffusers; {@link initializeWeights} gives DiT's own initialization for training. */
  constructor(given: Partial<DiTConfig> = {}) {
    super();
    const config = diTConfig(given);
    const { inChannels, patchSize } = config;
    const width = config.numAttentionHeads * config.attentionHeadDim;
    const block = {
      dim: width,
      heads: config.numAttentionHeads,
      attentionBias: config.attentionBias,
      activation: config.activationFn,
      mlpRatio: config.mlpRatio,
      affine: config.normElementwiseAffine,
      eps: config.normEps,
    };
    this.config = config;
    this.posEmbed = new PatchEmbed({
      inChannels,
      width,
      patchSize,
      baseSize: Math.floor(config.sampleSize / patchSize),
      interpolationScale: 1,
    });
    this.timestepEmbedder = new TimestepEmbedding(256, width);
    const rows = config.numEmbedsAdaNorm + (config.hasNoClass ? 1 : 0);
    this.classEmbedder = new LabelEmbedding(rows, width);
    this.transformerBlocks = new ModuleList(
      Array.from({ length: config.numLayers }, () => new DiTBlock(block)),
    );
    this.normOut = new LayerNorm(width, { affine: false, eps: 1e-6 });
    this.projOut1 = new Linear(width, 2 * width);
    this.projOut2 = new Linear(width, patchSize ** 2 * (config.outChannels ?? inChannels));
  }

  /**
   * The label that stands for "no class": the row of the table that guidance and label dropout use. Throws if the model was
   * trained without one.
   */
  get noClass(): number {
    if (!this.config.hasNoClass) {
      throw new UnsupportedError(
        'Expected a DiT that was trained to know "no class" but received one with class_dropout_prob 0: it draws by class alone, without guidance',
      );
    }
    return this.config.numEmbedsAdaNorm;
  }

  /** Times (B) → (B, D), without a class. */
  embedTimestep(timestep: Tensor, dtype: torch.DType): Tensor {
    const sinusoid = timestepSinusoid(timestep, this.config.timestepFreqShift); // (B, 256)
    return this.timestepEmbedder.call(sinusoid.to({ dtype })); // (B, D)
  }

  /**
   * @param hiddenStates (B, C, H, W) noisy latents; H and W divisible by the patch size
   * @returns            (B, C_out, H, W)
   */
  override forward(hiddenStates: Tensor, { timestep, classLabels }: DiTInputs): Tensor {
    const { patchSize } = this.config;
    const h = Math.floor(hiddenStates.size(2) / patchSize);
    const w = Math.floor(hiddenStates.size(3) / patchSize);

    let x = this.posEmbed.call(hiddenStates); // (B, N, D)
    const time = this.embedTimestep(timestep, x.dtype); // (B, D)
    const condition =
      classLabels === undefined ? time : time.add(this.classEmbedder.call(classLabels)); // (B, D)

    for (const block of this.transformerBlocks) {
      const before = x;
      x = this.gradientCheckpointing
        ? torch.checkpoint((tokens, c) => block.call(tokens, c), [x, condition])
        : block.call(x, condition); // (B, N, D)
      before.dispose(); // otherwise all blocks' outputs would stay until the last
    }

    const modulation = this.projOut1.call(F.silu(condition)).unsqueeze(1); // (B, 1, 2·D)
    const [shift, scale] = chunk(modulation, 2, 2); // (B, 1, D) each
    const tokens = this.projOut2.call(this.normOut.modulated(x, shift, scale)); // (B, N, p·p·C_out)
    return unpatchify(tokens, h, w, patchSize); // (B, C_out, H, W)
  }

  /**
   * Reinitializes all parameters as the original does (facebookresearch/DiT `models.py` initialize_weights): every block starts
   * as the identity and the output at exactly zero (adaLN-Zero).
   */
  initializeWeights(generator?: Generator): this {
    initialize(
      this,
      [
        [/\.norm1\.linear\./, init.zeros],
        [/^proj_out_[12]\./, init.zeros],
        [/^(timestep_embedder|class_embedder)\..*\.weight$/, init.normal(0.02)],
        [/\.norm3\.weight$/, init.ones],
        [/\.weight$/, init.xavierUniform],
        [/\.bias$/, init.zeros],
      ],
      generator,
    );
    return this;
  }

  /**
   * Loads a transformer that diffusers or {@link savePretrained} wrote. If `config.json` does not say which frequencies time is
   * embedded at, those of diffusers' class are used.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(
    folder: string,
    options: PretrainedOptions = {},
  ): Promise<DiTTransformer2DModel> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      read: readDiTConfig,
      layers: ({ numLayers }) => [
        { field: "num_layers", says: numLayers, start: "transformer_blocks." },
      ],
      build: (config) => new DiTTransformer2DModel(config),
      arrange: (weights, model) =>
        fromDiffusersDiT(weights, model.namedParameters(), model.config.numLayers),
    });
  }

  /**
   * Loads a DiT from one file: a checkpoint of facebookresearch/DiT (`.pt`), or safetensors in either layout. Throws as
   * {@link PixArtTransformer2DModel.fromSingleFile} does.
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions = {},
  ): Promise<DiTTransformer2DModel> {
    return loadSingleFile(path, options, {
      read: readDiTFile,
      build: (config) => new DiTTransformer2DModel(config),
      arrange: (weights, model) =>
        ownDiTKeys(weights, model.namedParameters(), model.config.numLayers),
    });
  }

  /**
   * Writes configuration and weights as diffusers does. Python loads them, but computes the same function only if
   * `timestepFreqShift` is 1.
   */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writeDiTConfig(this.config),
      tensors: toDiffusersDiT(this.stateDict(), this.config.numLayers),
    });
  }

  override dispose(): void {
    this.posEmbed.forgetPositions();
    super.dispose();
  }
}
