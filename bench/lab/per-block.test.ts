import { describe, expect, it } from "vitest";
import { DiTTransformer2DModel, PixArtTransformer2DModel } from "../../src/models/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { PerBlockModels } from "./models.ts";
import { PerBlockTransformer } from "./per-block.ts";

const shape = { numLayers: 3, attentionHeadDim: 8, numAttentionHeads: 2, sampleSize: 8 };

/** Adds random numbers to all weights, so that no layer is zero. */
function disturbed<M extends DiTTransformer2DModel | PixArtTransformer2DModel>(model: M): M {
  const generator = torch.generator(5);
  torch.noGrad(() => {
    for (const parameter of model.parameters())
      parameter.add_(torch.randn(parameter.shape, { generator }).mul(0.1));
  });
  return model;
}

const x = torch.randn([2, 4, 8, 8], { generator: torch.generator(1) });
const inputs = {
  encoderHiddenStates: torch.randn([2, 5, 16], { generator: torch.generator(2) }),
  timestep: torch.tensor([10, 700]),
};
const distance = (a: torch.Tensor, b: torch.Tensor): number =>
  a.sub(b).norm().item() / b.norm().item();

/** What a run's models make of DiT; the method is for subclasses. */
class Opened extends PerBlockModels {
  open(...given: Parameters<PerBlockModels["fromDiT"]>): PixArtTransformer2DModel {
    return this.fromDiT(...given);
  }
}

describe("PerBlockTransformer", () => {
  it("begins as the PixArt that it is made from, and has each block's own layer", () => {
    const config = { ...shape, captionChannels: 16, crossAttentionDim: 16 };
    const shared = disturbed(
      construct({ generator: torch.generator(3) }, () => new PixArtTransformer2DModel(config)),
    );
    const weights = shared.numParameters();
    const expected = torch.noGrad(() => torch.keep(shared.call(x, inputs).clone()));
    const model = PerBlockTransformer.from(shared);
    expect(
      distance(
        torch.noGrad(() => model.call(x, inputs)),
        expected,
      ),
    ).toBeLessThan(1e-5);
    expect(model.numParameters() - weights).toBe(2 * 6 * 16 * 16 - 6 * 16);
    torch.backward(torch.tidy(() => model.call(x, inputs).square().mean()));
    const grad = model.adalnSingle.linear.weight.grad;
    const parts = grad?.reshape([3, -1]).abs().amax([1]).toFloat32Array() ?? [];
    expect(parts).toHaveLength(3);
    for (const part of parts) expect(part).toBeGreaterThan(0);
  });

  it("computes what DiT does without a class at every time, but for the last layer's", () => {
    const dit = disturbed(
      construct(
        { generator: torch.generator(4) },
        () => new DiTTransformer2DModel({ ...shape, numEmbedsAdaNorm: 4 }),
      ),
    );
    const model = new Opened({} as never, "").open(dit, { captionChannels: 16 });
    const at = (time: number): number =>
      torch.noGrad(() => {
        const timestep = torch.tensor([time, time]);
        return distance(model.call(x, { ...inputs, timestep }), dit.call(x, { timestep }));
      });
    expect(at(500)).toBeLessThan(1e-5);
    // The last layer is re-parameterised as in the product; with its own at another time the rest is the same.
    torch.noGrad(() => {
      const time = dit.embedTimestep(torch.tensor([20]), "float32");
      const last = dit.projOut1.call(torch.functional.silu(time));
      model.scaleShiftTable.copy_(last.reshape(model.scaleShiftTable.shape).sub(time));
    });
    expect(at(20)).toBeLessThan(1e-5);
  });
});
