import { expected, IncompatibleError } from "../../errors/index.ts";
import { Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { runBlock } from "../pixart/block.ts";
import type { PixArtInputs, PixArtTransformer2DModel } from "../pixart/transformer.ts";
import { type PixArtControlNetAdapterModel, requireBlocksBehind } from "./adapter.ts";

// Shapes: B batch, C channels, H height, W width, N image tokens, D hidden width.

/** Inputs of {@link PixArtControlNetTransformerModel} in addition to the noisy picture. */
export interface PixArtControlNetInputs extends PixArtInputs {
  /** As for the transformer, but not prepared: the control blocks have their own keys and values. */
  readonly encoderHiddenStates: Tensor;
  /** (B, C, H, W): the condition's latents, scaled like the noisy picture's. Without it, only the transformer runs. */
  readonly controlnetCond?: Tensor | undefined;
}

/**
 * A PixArt transformer that follows a second picture (PixArt-δ, arXiv 2401.05252 section 4). The adapter's first block takes the
 * condition and the transformer's own tokens; each block's output is added to the input of the block after the one that it
 * copies. For training, freeze the transformer: `model.transformer.requiresGrad_(false)`.
 */
export class PixArtControlNetTransformerModel extends Module {
  readonly transformer: PixArtTransformer2DModel;
  readonly controlnet: PixArtControlNetAdapterModel;

  /** Takes ownership of both models: {@link dispose} disposes both. Throws if they do not fit. */
  constructor(transformer: PixArtTransformer2DModel, controlnet: PixArtControlNetAdapterModel) {
    super();
    requireBlocksBehind(transformer.config, controlnet.config.numLayers);
    for (const field of ["numAttentionHeads", "attentionHeadDim", "crossAttentionDim"] as const) {
      const [wanted, found] = [transformer.config[field], controlnet.config[field]];
      if (wanted !== found) {
        throw new IncompatibleError(
          `Expected the transformer's ${field}, ${wanted}, for the control blocks but received ${found}`,
        );
      }
    }
    this.transformer = transformer;
    this.controlnet = controlnet;
  }

  /**
   * @param hiddenStates (B, C, H, W) noisy latents; H and W divisible by the patch size
   * @returns            (B, C_out, H, W)
   */
  override forward(
    hiddenStates: Tensor,
    { controlnetCond, ...inputs }: PixArtControlNetInputs,
  ): Tensor {
    const { transformer, controlnet } = this;
    if (controlnetCond === undefined) return transformer.call(hiddenStates, inputs);
    requireSameShape(controlnetCond, hiddenStates);
    const { gradientCheckpointing } = transformer;
    const embedded = transformer.embed(hiddenStates, inputs);
    const { time, conditions } = embedded;
    let x = embedded.x; // (B, N, D)
    let control = transformer.posEmbed.call(controlnetCond); // (B, N, D)
    for (const [i, block] of [...transformer.transformerBlocks].entries()) {
      // Used tensors are freed, otherwise all blocks' outputs would stay until the last.
      if (i > 0 && i <= controlnet.config.numLayers) {
        const [tokens, condition] = [x, control];
        const made = controlnet.call(i - 1, { x, control }, conditions, gradientCheckpointing);
        control = made.control; // (B, N, D)
        x = x.add(made.residual); // (B, N, D)
        for (const used of [tokens, condition, made.residual]) used.dispose();
      }
      const before = x;
      x = runBlock(block, x, conditions, gradientCheckpointing); // (B, N, D)
      before.dispose();
    }
    return transformer.project(x, time, conditions.grid); // (B, C_out, H, W)
  }

  override dispose(): void {
    this.transformer.dispose();
    this.controlnet.dispose();
  }
}

function requireSameShape({ shape }: Tensor, { shape: wanted }: Tensor): void {
  if (shape.join() === wanted.join()) return;
  throw expected(
    `the shape of hiddenStates, [${wanted.join(", ")}],`,
    "controlnetCond",
    `[${shape.join(", ")}]`,
  );
}
