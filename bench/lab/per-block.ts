import {
  type EmbeddedInputs,
  type PixArtInputs,
  PixArtTransformer2DModel,
  type PixArtTransformerConfig,
} from "../../src/models/index.ts";
import { TimestepSizeEmbedding } from "../../src/models/pixart/conditioning.ts";
import { Linear, Module } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { functional as F, Tensor } from "../../src/torch/index.ts";

// Shapes: B batch, D hidden width, K blocks.

/** A layer for each block from the embedded time to its modulation, all in one; their biases are the blocks' tables. */
class BlockModulations extends Module {
  readonly emb: TimestepSizeEmbedding;
  readonly linear: Linear;

  constructor(width: number, blocks: number) {
    super();
    this.emb = new TimestepSizeEmbedding(width, false);
    this.linear = new Linear(width, blocks * 6 * width, { bias: false });
  }

  /** (B, D) → (B, 6·K, D) */
  override forward(time: Tensor): Tensor {
    return this.linear.call(F.silu(time)).reshape([time.size(0), -1, time.size(1)]);
  }
}

/** PixArt with DiT's adaLN in each block in place of adaLN-single: the arm that the paper compares with. */
export class PerBlockTransformer extends PixArtTransformer2DModel {
  override readonly adalnSingle: BlockModulations;

  constructor(config: Partial<PixArtTransformerConfig>) {
    super(config);
    const { numAttentionHeads, attentionHeadDim, numLayers } = this.config;
    this.adalnSingle = new BlockModulations(numAttentionHeads * attentionHeadDim, numLayers);
  }

  /** The same function as a PixArt: every block's layer is the one that they shared. Disposes of that. */
  static from(shared: PixArtTransformer2DModel): PerBlockTransformer {
    const model = new PerBlockTransformer(shared.config);
    torch.noGrad(() =>
      torch.tidy(() => {
        const { weight, bias } = shared.adalnSingle.linear;
        const layers = [...shared.transformerBlocks].map(() => weight);
        const state = new Map(shared.stateDict());
        state.delete("adaln_single.linear.bias");
        model.loadStateDict(state.set("adaln_single.linear.weight", torch.cat(layers)));
        for (const { scaleShiftTable } of model.transformerBlocks)
          if (bias !== undefined) scaleShiftTable.add_(bias.reshape(scaleShiftTable.shape));
      }),
    );
    shared.dispose();
    return model;
  }

  override forward(hiddenStates: Tensor, inputs: PixArtInputs): Tensor {
    const { x: tokens, time, conditions } = this.embed(hiddenStates, inputs);
    const { encoderHiddenStates: text } = inputs;
    let x = tokens; // (B, N, D)
    for (const [i, block] of [...this.transformerBlocks].entries()) {
      const caption: EmbeddedInputs["conditions"]["caption"] | undefined =
        text instanceof Tensor ? conditions.caption : text[i];
      if (caption === undefined)
        throw new RangeError(`Expected a caption prepared for ${i + 1} blocks`);
      const modulation = conditions.modulation.narrow(1, 6 * i, 6); // (B, 6, D)
      x = block.call(x, { ...conditions, caption, modulation });
    }
    return this.project(x, time, conditions.grid);
  }
}
