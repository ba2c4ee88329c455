import { describe, expect, it } from "vitest";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../../src/models/index.ts";
import { construct, type Module } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { DEVICE, errorOf, IS_GPU } from "./device.ts";

/**
 * How far each type may be from float64 on the CPU. cuDNN's convolutions, the first layer among them, multiply float32 in TF32 (10 bits
 * after the point) unless told otherwise, as in PyTorch.
 */
const TOLERANCE = { float32: IS_GPU ? 2e-3 : 1e-5, bfloat16: 3e-2 } as const;

const draw = (shape: number[], seed: number): torch.Tensor =>
  torch.randn(shape, { generator: torch.generator(seed) });

/** A model, and what it makes of inputs that are moved to where and what it is. */
interface Subject {
  readonly model: Module;
  run(move: (x: torch.Tensor) => torch.Tensor): torch.Tensor;
}

const build = <T extends Module>(body: () => T): T =>
  construct({ generator: torch.generator(1) }, body);

const subjects: Readonly<Record<string, () => Subject>> = {
  "the transformer": () => {
    // Heads as wide as XL/2's; 300 tokens, so that a tile of a kernel is left over.
    const small = { numLayers: 2, numAttentionHeads: 2, attentionHeadDim: 72, captionChannels: 32 };
    const model = build(
      () => new PixArtTransformer2DModel({ ...small, crossAttentionDim: 144, sampleSize: 32 }),
    );
    const [latents, text] = [draw([2, 4, 30, 40], 2), draw([2, 7, 32], 3)];
    const encoderAttentionMask = torch.tensor([
      [1, 0, 0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 0, 0],
    ]);
    const timestep = torch.tensor([7, 640]);
    return {
      model,
      run: (move) =>
        model.call(move(latents), {
          encoderHiddenStates: move(text),
          timestep: timestep.to({ device: model.device }),
          encoderAttentionMask: encoderAttentionMask.to({ device: model.device }),
        }),
    };
  },
  "the autoencoder": () => {
    const widths = [32, 64] as const;
    const model = build(
      () =>
        new AutoencoderKL({
          latentChannels: 4,
          blockOutChannels: [...widths],
          downBlockTypes: widths.map(() => "DownEncoderBlock2D" as const),
          upBlockTypes: widths.map(() => "UpDecoderBlock2D" as const),
        }),
    );
    const latents = draw([1, 4, 24, 20], 4);
    return { model, run: (move) => model.decode(move(latents)) };
  },
  "the text encoder": () => {
    const model = build(
      () =>
        new T5EncoderModel({
          vocabSize: 64,
          dModel: 64,
          dKv: 16,
          numHeads: 4,
          dFf: 96,
          numLayers: 2,
        }),
    );
    const ids = torch.arange(3, 23, 1, { dtype: "int64" }).reshape([2, 10]);
    const mask = torch.ones([2, 10], { dtype: "int64" });
    return {
      model,
      run: () =>
        model.call(ids.to({ device: model.device }), {
          attentionMask: mask.to({ device: model.device }),
        }),
    };
  },
};

describe.each(Object.entries(subjects))("%s", (_, make) => {
  it.each(["float32", "bfloat16"] as const)(
    `on ${DEVICE} in %s is near the CPU in float64`,
    (dtype) => {
      torch.noGrad(() =>
        torch.tidy(() => {
          const { model, run } = make();
          // Rounded once, so that what is compared is arithmetic and not weights.
          model.to({ dtype });
          const rounded = (x: torch.Tensor): torch.Tensor => x.to({ dtype });
          model.to({ dtype: "float64" });
          const right = run((x) => rounded(x).to({ dtype: "float64" }));
          model.to({ dtype, device: DEVICE });
          const found = run((x) => rounded(x).to({ device: DEVICE }));
          expect([found.device, found.dtype]).toEqual([model.device, dtype]);
          const error = errorOf(found, right);
          expect(error).toBeGreaterThan(0);
          expect(error).toBeLessThan(TOLERANCE[dtype]);
          model.dispose();
        }),
      );
    },
  );
});
