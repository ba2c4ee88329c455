import { IncompatibleError } from "../../errors/index.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { functional as F, type Generator, type Tensor } from "../../torch/index.ts";
import type { DiTTransformer2DModel } from "../dit/transformer.ts";
import { PixArtTransformer2DModel } from "./transformer.ts";

// Shapes: D hidden width.

/** Options of {@link pixArtFromDiT}. */
export interface FromDiTOptions {
  /** Width of the text encoder's states. */
  readonly captionChannels: number;
  /** The timestep at which both models agree. */
  readonly timestep?: number;
  /**
   * `matched`: shifts, scales and gates are DiT's at `timestep`. `fresh`: all of adaLN-single, including its time embedding,
   * keeps the paper's initialization, as in the ablation without re-parameterisation. Default `matched`.
   */
  readonly modulation?: "matched" | "fresh";
  /** Source of random numbers for the layers that DiT lacks. */
  readonly generator?: Generator | undefined;
}

/** Parameters that PixArt takes from DiT unchanged: the start of their key here and there. */
const carriedOver: readonly (readonly [pixArt: RegExp, diT: string])[] = [
  [/^(?:pos_embed|transformer_blocks\.\d+\.(?:attn1|ff))\./, "$&"],
  [/^proj_out\./, "proj_out_2."],
];
const timeCarriedOver: typeof carriedOver = [
  [/^adaln_single\.emb\.timestep_embedder\./, "timestep_embedder."],
];

/**
 * A PixArt that starts from a class-conditional DiT (paper section 2.3, re-parameterisation): at `timestep` it computes what DiT
 * does without a class, whatever the caption. Choices that the paper leaves open: the shared layer f̄ is the mean of DiT's
 * layers, and the last layer is treated like the blocks.
 */
export function pixArtFromDiT(
  dit: DiTTransformer2DModel,
  { captionChannels, timestep = 500, modulation = "matched", generator }: FromDiTOptions,
): PixArtTransformer2DModel {
  const { config } = dit;
  if (config.timestepFreqShift !== 0) {
    throw new IncompatibleError(
      `Expected 0 for timestepFreqShift but received ${config.timestepFreqShift}. PixArt embeds time at the original DiT's frequencies; if the weights were trained with those, set "timestep_freq_shift" to 0 in their config.json.`,
    );
  }
  if (config.normElementwiseAffine) {
    throw new IncompatibleError(
      "Expected false for normElementwiseAffine but received true. PixArt has no counterpart of DiT's one affine norm.",
    );
  }
  const model = construct({ device: dit.device, dtype: dit.dtype }, () =>
    new PixArtTransformer2DModel({
      numAttentionHeads: config.numAttentionHeads,
      attentionHeadDim: config.attentionHeadDim,
      inChannels: config.inChannels,
      outChannels: config.outChannels,
      numLayers: config.numLayers,
      crossAttentionDim: config.numAttentionHeads * config.attentionHeadDim,
      attentionBias: config.attentionBias,
      sampleSize: config.sampleSize,
      patchSize: config.patchSize,
      activationFn: config.activationFn,
      mlpRatio: config.mlpRatio,
      captionChannels,
      interpolationScale: 1,
      useAdditionalConditions: false,
    }).initializeWeights(generator),
  );
  torch.noGrad(() =>
    torch.tidy(() => {
      carryOver(dit, model, carriedOver);
      if (modulation === "fresh") return;
      carryOver(dit, model, timeCarriedOver);
      matchModulation(dit, model, timestep);
    }),
  );
  return model;
}

function carryOver(
  dit: DiTTransformer2DModel,
  model: PixArtTransformer2DModel,
  rules: typeof carriedOver,
): void {
  const source = dit.namedParameters();
  for (const [key, parameter] of model.namedParameters()) {
    const rule = rules.find(([pattern]) => pattern.test(key));
    const value = rule && source.get(key.replace(...rule));
    if (value !== undefined) parameter.copy_(value);
  }
}

/** Makes the shifts, scales and gates of every block and of the last layer equal to DiT's at `timestep`. */
function matchModulation(
  dit: DiTTransformer2DModel,
  model: PixArtTransformer2DModel,
  timestep: number,
): void {
  const at = torch.tensor([timestep], { device: dit.device });
  const time = dit.embedTimestep(at, dit.dtype); // (1, D)
  const activated = F.silu(time); // (1, D)

  // DiT's layers are linear in the same activated time, so the mean of their weights gives the mean of their modulations at every
  // time: the single layer nearest to all of DiT's. Any one of them, or a fresh layer, would also agree at `timestep` but be
  // farther off at other times.
  const layers = [...dit.transformerBlocks].map((block) => block.norm1.linear);
  const shared = model.adalnSingle.linear;
  mean(
    shared.weight,
    layers.map(({ weight }) => weight),
  );
  if (shared.bias)
    mean(
      shared.bias,
      layers.flatMap(({ bias }) => bias ?? []),
    );

  const offset = shared.call(activated); // (1, 6·D)
  [...model.transformerBlocks].forEach((block, i) => {
    const wanted = dit.transformerBlocks.at(i).norm1.linear.call(activated); // (1, 6·D)
    block.scaleShiftTable.copy_(wanted.sub(offset).reshape(block.scaleShiftTable.shape));
  });
  const last = dit.projOut1.call(activated).reshape(model.scaleShiftTable.shape); // (2, D)
  model.scaleShiftTable.copy_(last.sub(time));
}

/** Overwrites `target` with the mean of `tensors`. */
function mean(target: Tensor, tensors: readonly Tensor[]): void {
  target.zero_();
  for (const tensor of tensors) target.add_(tensor);
  target.div_(tensors.length);
}
