import { InvalidValueError } from "../../errors/index.ts";
import { init, LayerNorm, Linear, Module, ModuleList } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { type DType, type Generator, Tensor } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import {
  type Adapter,
  type LoadAdapterOptions,
  loadAdapter,
  refuseUnmergedAdapters,
} from "../adapters/index.ts";
import { type ContextKeys, contextMask } from "../attention.ts";
import { chunk } from "../chunk.ts";
import { PatchEmbed, unpatchify } from "../embeddings.ts";
import type { LayerCount } from "../held-layers.ts";
import { initialize } from "../initialize.ts";
import { loadPretrained, loadSingleFile, type QuantizedPretrainedOptions } from "../pretrained.ts";
import type { SingleFileOptions } from "../single-file.ts";
import type { AttentionCache } from "./attention-cache.ts";
import { type BlockAttention, type BlockConditions, PixArtBlock, runBlock } from "./block.ts";
import { AdaLayerNormSingle, type AddedConditions, CaptionProjection } from "./conditioning.ts";
import {
  blockOptions,
  type PixArtTransformerConfig,
  pixArtDimensions,
  pixArtTransformerConfig,
  readPixArtTransformerConfig,
  writePixArtTransformerConfig,
} from "./config.ts";
import type { PatchGrid } from "./kv-compression.ts";
import { readPixArtFile } from "./single-file.ts";

// Shapes: B batch, C channels, H height, W width, p side of a patch, h = H/p, w = W/p, N = h·w image tokens,
// L caption tokens, D hidden width.

/** Inputs of {@link PixArtTransformer2DModel} in addition to the noisy picture. */
export interface PixArtInputs {
  /**
   * (B, L, captionChannels): the text encoder's states, or (B, L, crossAttentionDim) without a projection. Or the result of
   * {@link PixArtTransformer2DModel.prepareCaption}.
   */
  readonly encoderHiddenStates: Tensor | PreparedCaption;
  /** (B), of any dtype: timesteps of the training's schedule, 0 to 999, which may be fractional. Embedded in float32. */
  readonly timestep: Tensor;
  /**
   * (B, L), of any dtype, 1 for caption tokens and 0 for padding; or a bias (B, 1, L), in the model's dtype, for the attention
   * logits. Default: all are tokens.
   */
  readonly encoderAttentionMask?: Tensor | undefined;
  /** Required by models with micro-conditions, ignored by others. */
  readonly addedCondKwargs?: AddedConditions | undefined;
  /**
   * Attention outputs to reuse from earlier calls; not with gradient checkpointing.
   * @internal
   */
  readonly attentionCache?: AttentionCache | undefined;
}

/** Keys and values of a caption, block by block. They are the same at every step of a picture. */
export type PreparedCaption = readonly ContextKeys[];

/** Result of {@link PixArtTransformer2DModel.embed}. */
export interface EmbeddedInputs {
  /** (B, N, D) */
  readonly x: Tensor;
  /** (B, D) */
  readonly time: Tensor;
  readonly conditions: BlockConditions;
}

/** The text-to-image diffusion transformer of PixArt-α (arXiv 2310.00426), under diffusers' names and parameter keys. */
export class PixArtTransformer2DModel extends Module {
  readonly config: PixArtTransformerConfig;
  /** Whether to recompute blocks in backward instead of keeping their activations. */
  gradientCheckpointing = false;

  readonly posEmbed: PatchEmbed;
  readonly adalnSingle: AdaLayerNormSingle;
  readonly captionProjection: CaptionProjection | undefined;
  readonly transformerBlocks: ModuleList<PixArtBlock>;
  readonly normOut: LayerNorm;
  readonly scaleShiftTable: Tensor; // (2, D): the last layer's offset to the embedded time
  readonly projOut: Linear;

  /** Parameters are initialized as in diffusers; {@link initializeWeights} gives the paper's initialization for training. */
  constructor(given: Partial<PixArtTransformerConfig> = {}) {
    super();
    const config = pixArtTransformerConfig(given);
    const { width, outChannels, baseSize, interpolationScale, usesAdditionalConditions } =
      pixArtDimensions(config);
    const { inChannels, patchSize, captionChannels } = config;
    this.config = config;
    this.posEmbed = new PatchEmbed({ inChannels, width, patchSize, baseSize, interpolationScale });
    this.adalnSingle = new AdaLayerNormSingle(width, usesAdditionalConditions);
    this.captionProjection =
      captionChannels === null ? undefined : new CaptionProjection(captionChannels, width);
    this.transformerBlocks = new ModuleList(
      Array.from({ length: config.numLayers }, (_, i) => new PixArtBlock(blockOptions(config, i))),
    );
    this.normOut = new LayerNorm(width, { affine: false, eps: 1e-6 });
    this.scaleShiftTable = this.parameter([2, width], init.normal(width ** -0.5));
    this.projOut = new Linear(width, patchSize * patchSize * outChannels);
  }

  /**
   * @param hiddenStates (B, C, H, W) noisy latents; H and W divisible by the patch size
   * @returns            (B, C_out, H, W)
   */
  override forward(hiddenStates: Tensor, inputs: PixArtInputs): Tensor {
    const embedded = this.embed(hiddenStates, inputs);
    const { time, conditions } = embedded;
    const { encoderHiddenStates: text, attentionCache } = inputs;
    let x = embedded.x; // (B, N, D)
    for (const [i, block] of [...this.transformerBlocks].entries()) {
      const caption = text instanceof Tensor ? conditions.caption : text[i];
      if (caption === undefined)
        throw new InvalidValueError(`Expected a caption prepared for ${i + 1} blocks`);
      const before = x;
      const attend: BlockAttention | undefined =
        attentionCache && ((kind, compute) => attentionCache.attend(kind, i, compute));
      const given = { ...conditions, caption, attend };
      x = runBlock(block, x, given, this.gradientCheckpointing); // (B, N, D)
      before.dispose(); // otherwise all blocks' outputs would stay until the last
    }
    return this.project(x, time, conditions.grid); // (B, C_out, H, W)
  }

  /** The first part of {@link forward}: the input of the blocks. */
  embed(hiddenStates: Tensor, inputs: PixArtInputs): EmbeddedInputs {
    const { encoderHiddenStates, timestep, encoderAttentionMask, addedCondKwargs } = inputs;
    const { patchSize } = this.config;
    const x = this.posEmbed.call(hiddenStates); // (B, N, D)
    const time = this.adalnSingle.emb.call(timestep, x.dtype, addedCondKwargs); // (B, D)
    const conditions = {
      modulation: this.adalnSingle.call(time), // (B, 6, D)
      caption: this.#caption(encoderHiddenStates), // (B, L, D)
      maskBias: encoderAttentionMask && maskBias(encoderAttentionMask, x.dtype), // (B, 1, 1, L)
      grid: {
        h: Math.floor(hiddenStates.size(2) / patchSize),
        w: Math.floor(hiddenStates.size(3) / patchSize),
      },
    };
    return { x, time, conditions };
  }

  /** The first block's, if every block has its own. */
  #caption(text: Tensor | PreparedCaption): Tensor | ContextKeys {
    if (text instanceof Tensor) return this.captionProjection?.call(text) ?? text;
    const [first] = text;
    if (first === undefined)
      throw new InvalidValueError("Expected a prepared caption of at least one block");
    return first;
  }

  /**
   * Computes each block's keys and values of a caption (B, L, captionChannels) once, to be passed instead of it at each step of a
   * picture; the results are the same. Later changes of the weights don't affect them, and no gradients reach the weights. Given
   * the mask (B, L), less is computed if captions of a single token come first, as with an empty negative prompt. Unrelated to
   * the function `prepareCaption`, which takes text.
   */
  prepareCaption(encoderHiddenStates: Tensor, encoderAttentionMask?: Tensor): PreparedCaption {
    return torch.tidy(() => {
      const mask =
        encoderAttentionMask?.ndim === 2
          ? contextMask(encoderAttentionMask.expand([encoderHiddenStates.size(0), -1]))
          : undefined;
      const caption = this.captionProjection?.call(encoderHiddenStates) ?? encoderHiddenStates; // (B, L, D)
      return Array.from(this.transformerBlocks, ({ attn2 }) => attn2.contextKeys(caption, mask));
    });
  }

  /** The last part of {@link forward}: tokens (B, N, D) and embedded time (B, D) → (B, C_out, H, W). */
  project(x: Tensor, time: Tensor, { h, w }: PatchGrid): Tensor {
    // The last layer takes the embedded time itself, not the modulation computed from it.
    const [shift, scale] = chunk(this.scaleShiftTable.add(time.unsqueeze(1)), 2, 1); // (B, 1, D) each
    const tokens = this.projOut.call(this.normOut.modulated(x, shift, scale)); // (B, N, p·p·C_out)
    return unpatchify(tokens, h, w, this.config.patchSize);
  }

  /**
   * Reinitializes all parameters as the paper's code does (PixArt-alpha `diffusion/model/nets/PixArt.py` initialize_weights): the
   * output starts at exactly zero and captions have no influence, but unlike in DiT the gates of the blocks are open.
   */
  initializeWeights(generator?: Generator): this {
    const { inChannels, patchSize, kvCompressConfig } = this.config;
    const { width } = pixArtDimensions(this.config);
    initialize(
      this,
      [
        [/^proj_out\./, init.zeros],
        [/\.attn2\.to_out\./, init.zeros],
        [/scale_shift_table$/, init.normal(width ** -0.5)],
        [/^(adaln_single|caption_projection)\..*\.weight$/, init.normal(0.02)],
        // The one bias that the paper's code leaves at the framework's default.
        [/^pos_embed\.proj\.bias$/, init.biasUniform(inChannels * patchSize ** 2)],
        // PixArt-Σ's: keys and values are initialized to means of those that they replace.
        [/\.attn1\.sr\.weight$/, init.constant(1 / (kvCompressConfig?.scaleFactor ?? 1) ** 2)],
        [/(\.norm[12]|\.attn1\.(norm|q_norm|k_norm))\.weight$/, init.ones],
        [/\.weight$/, init.xavierUniform],
        [/\.bias$/, init.zeros],
      ],
      generator,
    );
    return this;
  }

  /**
   * Loads a transformer that diffusers or {@link savePretrained} wrote.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(
    folder: string,
    options: QuantizedPretrainedOptions = {},
  ): Promise<PixArtTransformer2DModel> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      read: readPixArtTransformerConfig,
      layers: blocksOf,
      build: (config) => new PixArtTransformer2DModel(config),
      quantizable: /^transformer_blocks\./,
    });
  }

  /**
   * Loads a transformer from one file: a checkpoint of PixArt-α's or PixArt-Σ's own code or of diffengine (`.pth`), or
   * safetensors in either layout. Layout and size are detected; if the file does not determine them, an error names the option
   * that does.
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions = {},
  ): Promise<PixArtTransformer2DModel> {
    return loadSingleFile(path, options, {
      read: readPixArtFile,
      build: (config) => new PixArtTransformer2DModel(config),
    });
  }

  /** Adds an adapter in PEFT's folder layout to this model. Throws as {@link loadAdapter} does. */
  loadAdapter(folder: string, options: LoadAdapterOptions = {}): Promise<Adapter> {
    return loadAdapter(this, folder, options);
  }

  /** Writes configuration and weights as diffusers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writePixArtTransformerConfig(this.config),
      tensors: this.stateDict(),
    });
  }

  override dispose(): void {
    this.posEmbed.forgetPositions();
    super.dispose();
  }
}

const blocksOf = ({ numLayers }: PixArtTransformerConfig): readonly LayerCount[] => [
  { field: "num_layers", says: numLayers, start: "transformer_blocks." },
];

/** Turns a mask of ones and zeros into a bias for attention logits; a bias stays as it is: (B, L) or (B, 1, L) → (B, 1, 1, L). */
function maskBias(mask: Tensor, dtype: DType): Tensor {
  const bias = mask.ndim === 2 ? mask.to({ dtype }).sub(1).mul(10_000).unsqueeze(1) : mask;
  return bias.unsqueeze(1);
}
