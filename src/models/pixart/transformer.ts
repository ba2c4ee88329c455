import { construct, init, LayerNorm, Linear, Module, ModuleList } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import type { Generator, Tensor } from "../../torch/index.ts";
import { chunk } from "../chunk.ts";
import { PatchEmbed, unpatchify } from "../embeddings.ts";
import { modulate } from "../modulate.ts";
import { PixArtBlock } from "./block.ts";
import { AdaLayerNormSingle, type AddedConditions, CaptionProjection } from "./conditioning.ts";
import { type PixArtConfig, pixArtConfig, pixArtDimensions } from "./config.ts";

// Shapes: B batch, C channels, H height, W width, p side of a patch, h = H/p, w = W/p, N = h·w image tokens,
// L caption tokens, D hidden width.

/** What {@link PixArtTransformer2DModel} needs beside the noisy picture. */
export interface PixArtInputs {
  /** (B, L, captionChannels): the text encoder's states, or (B, L, crossAttentionDim) without a projection. */
  readonly encoderHiddenStates: Tensor;
  /** (B) */
  readonly timestep: Tensor;
  /** (B, L), 1 where a caption token counts and 0 where it is padding; or a bias (B, 1, L) for the attention logits. */
  readonly encoderAttentionMask?: Tensor | undefined;
  /** Needed by models with micro-conditions, not read by others. */
  readonly addedCondKwargs?: AddedConditions | undefined;
}

/** The text-to-image diffusion transformer of PixArt-α (arXiv 2310.00426), under diffusers' names and parameter keys. */
export class PixArtTransformer2DModel extends Module {
  readonly config: PixArtConfig;
  /** Whether blocks are computed a second time in backward instead of keeping their activations. */
  gradientCheckpointing = false;

  readonly posEmbed: PatchEmbed;
  readonly adalnSingle: AdaLayerNormSingle;
  readonly captionProjection: CaptionProjection | undefined;
  readonly transformerBlocks: ModuleList<PixArtBlock>;
  readonly normOut: LayerNorm;
  readonly scaleShiftTable: Tensor; // (2, D): the last layer's offset to the embedded time
  readonly projOut: Linear;

  /** Parameters start as diffusers' do; {@link initializeWeights} gives those that the paper trains from. */
  constructor(given: Partial<PixArtConfig> = {}) {
    super();
    const config = pixArtConfig(given);
    const { width, outChannels, baseSize, interpolationScale, usesAdditionalConditions } =
      pixArtDimensions(config);
    const { inChannels, patchSize, captionChannels } = config;
    const block = {
      dim: width,
      heads: config.numAttentionHeads,
      contextDim: config.crossAttentionDim,
      attentionBias: config.attentionBias,
      activation: config.activationFn,
      affine: config.normElementwiseAffine,
      eps: config.normEps,
    };
    this.config = config;
    this.posEmbed = new PatchEmbed({ inChannels, width, patchSize, baseSize, interpolationScale });
    this.adalnSingle = new AdaLayerNormSingle(width, usesAdditionalConditions);
    this.captionProjection =
      captionChannels === null ? undefined : new CaptionProjection(captionChannels, width);
    this.transformerBlocks = new ModuleList(
      Array.from({ length: config.numLayers }, () => new PixArtBlock(block)),
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
    const { encoderHiddenStates, timestep, encoderAttentionMask, addedCondKwargs } = inputs;
    const { patchSize } = this.config;
    const h = Math.floor(hiddenStates.size(2) / patchSize);
    const w = Math.floor(hiddenStates.size(3) / patchSize);

    let x = this.posEmbed.call(hiddenStates); // (B, N, D)
    const time = this.adalnSingle.emb.call(timestep, x.dtype, addedCondKwargs); // (B, D)
    const modulation = this.adalnSingle.call(time); // (B, 6, D)
    const caption = this.captionProjection?.call(encoderHiddenStates) ?? encoderHiddenStates; // (B, L, D)
    const bias = encoderAttentionMask && maskBias(encoderAttentionMask, x.dtype); // (B, 1, 1, L)

    for (const block of this.transformerBlocks) {
      x = this.gradientCheckpointing
        ? torch.checkpoint((...tensors) => block.call(...tensors, bias), [x, caption, modulation])
        : block.call(x, caption, modulation, bias); // (B, N, D)
    }

    // The last layer takes the embedded time itself, not the modulation made from it.
    const [shift, scale] = chunk(this.scaleShiftTable.add(time.unsqueeze(1)), 2, 1); // (B, 1, D) each
    const tokens = this.projOut.call(modulate(this.normOut.call(x), shift, scale)); // (B, N, p·p·C_out)
    return unpatchify(tokens, h, w, patchSize); // (B, C_out, H, W)
  }
}
