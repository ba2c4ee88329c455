import { describe, expect, it } from "vitest";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import type { DiTConfig } from "../dit/config.ts";
import { DiTTransformer2DModel } from "../dit/transformer.ts";
import { pixArtFromDiT } from "./from-dit.ts";
import { PixArtTransformer2DModel } from "./transformer.ts";

const tiny: Partial<DiTConfig> = {
  sampleSize: 8,
  numLayers: 3,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  numEmbedsAdaNorm: 10,
};

/** A DiT as after training: no layer is zero. */
const trained = (given: Partial<DiTConfig> = {}): DiTTransformer2DModel => {
  const generator = torch.generator(0);
  const dit = construct({ generator }, () => new DiTTransformer2DModel({ ...tiny, ...given }));
  torch.noGrad(() => {
    for (const parameter of dit.parameters()) {
      parameter.add_(torch.randn(parameter.shape, { generator }).mul(0.1));
    }
  });
  return dit;
};

const distance = (a: torch.Tensor, b: torch.Tensor): number =>
  a.sub(b).norm().item() / b.norm().item();

describe("pixArtFromDiT", () => {
  const dit = trained();
  const model = pixArtFromDiT(dit, { captionChannels: 32, generator: torch.generator(1) });
  const x = torch.randn([2, 4, 8, 6], { generator: torch.generator(2) });
  const caption = (seed: number) =>
    torch.randn([2, 5, 32], { generator: torch.generator(seed) }).mul(10);
  const at = (time: number) => torch.tensor([time, time]);
  const compare = (time: number, seed = 3): number =>
    torch.noGrad(() =>
      distance(
        model.call(x, { encoderHiddenStates: caption(seed), timestep: at(time) }),
        dit.call(x, { timestep: at(time) }),
      ),
    );

  it("computes what DiT does without a class at t = 500, whatever the caption", () => {
    expect(compare(500, 3)).toBeLessThan(1e-5);
    expect(compare(500, 4)).toBeLessThan(1e-5);
  });

  it("is another function at other times", () => {
    expect(compare(0)).toBeGreaterThan(1e-3);
    expect(compare(999)).toBeGreaterThan(1e-3);
  });

  it("is nearer to DiT at other times than with one block's layer for all", () => {
    const first = dit.transformerBlocks.at(0).norm1.linear;
    const time = torch.functional.silu(dit.embedTimestep(at(500), "float32")).narrow(0, 0, 1);
    const other = pixArtFromDiT(dit, { captionChannels: 32, generator: torch.generator(1) });
    torch.noGrad(() => {
      const { linear } = other.adalnSingle;
      linear.weight.copy_(first.weight);
      if (first.bias) linear.bias?.copy_(first.bias);
      [...other.transformerBlocks].forEach((block, i) => {
        const wanted = dit.transformerBlocks.at(i).norm1.linear.call(time);
        block.scaleShiftTable.copy_(wanted.sub(first.call(time)).reshape([6, -1]));
      });
    });
    const drift = (pixArt: typeof model): number =>
      [0, 250, 750, 999]
        .map((t) => {
          const timestep = at(t);
          const given = { encoderHiddenStates: caption(3), timestep };
          return torch.noGrad(() => distance(pixArt.call(x, given), dit.call(x, { timestep })));
        })
        .reduce((sum, value) => sum + value, 0);
    expect(drift(model)).toBeLessThan(drift(other));
  });

  it("starts captions from the paper's initialisation, ready to be learned", () => {
    const loss = torch.tidy(() =>
      model
        .call(x, { encoderHiddenStates: caption(3), timestep: at(500) })
        .square()
        .mean(),
    );
    torch.backward(loss);
    const block = model.transformerBlocks.at(0);
    expect(block.attn2.toOut.weight.detach().abs().amax().item()).toBe(0);
    expect(block.attn2.toOut.weight.grad?.abs().amax().item()).toBeGreaterThan(0);
    const { linear1 } = model.captionProjection ?? {};
    expect(linear1?.weight.detach().std().item()).toBeCloseTo(0.02, 2);
  });

  it("takes over the trunk alone where the modulation is to be fresh", () => {
    const options = { captionChannels: 32, generator: torch.generator(1) };
    const fresh = pixArtFromDiT(dit, { ...options, modulation: "fresh" });
    const first = new PixArtTransformer2DModel(fresh.config).initializeWeights(torch.generator(1));
    const [taken, drawn] = [model.namedParameters(), first.namedParameters()];
    const isModulation = (key: string): boolean => /^adaln_single|scale_shift_table$/.test(key);
    for (const [key, parameter] of fresh.namedParameters()) {
      const wanted = isModulation(key) ? drawn.get(key) : taken.get(key);
      expect(wanted?.detach().equal(parameter.detach()), key).toBe(true);
    }
  });

  it("refuses a DiT that PixArt cannot take over", () => {
    expect(() => pixArtFromDiT(trained({ timestepFreqShift: 1 }), { captionChannels: 32 })).toThrow(
      'Expected 0 for timestepFreqShift but received 1. PixArt embeds time at the original DiT\'s frequencies; if the weights were trained with those, set "timestep_freq_shift" to 0 in their config.json.',
    );
    expect(() =>
      pixArtFromDiT(trained({ normElementwiseAffine: true }), { captionChannels: 32 }),
    ).toThrow(
      "Expected false for normElementwiseAffine but received true. PixArt has no counterpart of DiT's one affine norm.",
    );
  });
});
