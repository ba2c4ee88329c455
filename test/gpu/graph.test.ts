import { describe, expect, it } from "vitest";
import { PixArtTransformer2DModel } from "../../src/models/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { DEVICE, IS_GPU } from "./device.ts";

const step = (): { latents: torch.Tensor; run: () => torch.Tensor } => {
  const small = { numLayers: 2, numAttentionHeads: 2, attentionHeadDim: 72, captionChannels: 32 };
  const model = construct(
    { generator: torch.generator(1), device: DEVICE },
    () => new PixArtTransformer2DModel({ ...small, crossAttentionDim: 144, sampleSize: 16 }),
  );
  const latents = torch.randn([2, 4, 16, 16], { generator: torch.generator(2) });
  const given = {
    encoderHiddenStates: torch.randn([2, 5, 32], { generator: torch.generator(3) }),
    timestep: torch.tensor([3, 500]),
    encoderAttentionMask: torch.ones([2, 5], { dtype: "int64" }),
  };
  const there = latents.to({ device: DEVICE });
  const inputs = {
    encoderHiddenStates: given.encoderHiddenStates.to({ device: DEVICE }),
    timestep: given.timestep.to({ device: DEVICE }),
    encoderAttentionMask: given.encoderAttentionMask.to({ device: DEVICE }),
  };
  return { latents: there, run: () => torch.noGrad(() => model.call(there, inputs)) };
};

describe("a recorded step", () => {
  it.runIf(IS_GPU)("computes what the step does, for new inputs too", () => {
    const { latents, run } = step();
    using graph = torch.RecordedGraph.record(DEVICE, run);
    for (const seed of [4, 5]) {
      const other = torch.randn(latents.shape, { generator: torch.generator(seed) });
      latents.copy_(other.to({ device: DEVICE }));
      graph.replay();
      const [replayed, direct] = [graph.output.toFloat32Array(), run().toFloat32Array()];
      expect(replayed).toEqual(direct);
    }
  });

  it.runIf(IS_GPU)("says what cannot be recorded, and computes on afterwards", () => {
    const { run } = step();
    const reads = (): torch.Tensor => {
      const output = run();
      output.sum().item();
      return output;
    };
    expect(() => torch.RecordedGraph.record(DEVICE, reads)).toThrow(torch.TorchError);
    expect(run().isfinite().all().item()).toBe(1);
  });

  it.runIf(!IS_GPU)("is refused without a GPU", () => {
    expect(() => torch.RecordedGraph.record(DEVICE, step().run)).toThrow(
      /^(This addon has no graphs|Expected a device of CUDA)/,
    );
  });
});
