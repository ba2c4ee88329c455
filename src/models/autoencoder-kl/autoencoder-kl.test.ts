import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { expectEqualTensors } from "../../../test/fixtures/equal-tensors.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { AutoencoderKL } from "./autoencoder-kl.ts";
import { type AutoencoderKLConfig, writeAutoencoderKLConfig } from "./config.ts";

const build = (given: Partial<AutoencoderKLConfig> = {}): AutoencoderKL =>
  construct(
    { generator: torch.generator(0) },
    () => new AutoencoderKL({ blockOutChannels: [16, 32], normNumGroups: 8, ...given }),
  );

const images = (batch = 2): torch.Tensor =>
  torch
    .rand([batch, 3, 8, 12], { generator: torch.generator(1) })
    .mul(2)
    .sub(1);

describe("AutoencoderKL", () => {
  it("halves once for every block but the innermost, and doubles back", () => {
    const model = build({ blockOutChannels: [8, 16, 24], latentChannels: 6 });
    const { mean, logvar } = model.encode(images());
    expect(mean.shape).toEqual([2, 6, 2, 3]);
    expect(logvar.shape).toEqual([2, 6, 2, 3]);
    expect(model.decode(mean).shape).toEqual([2, 3, 8, 12]);
  });

  it("reconstructs from the mode", () => {
    const model = build();
    const x = images();
    expect(model.call(x).equal(model.decode(model.encode(x).mode()))).toBe(true);
  });

  it("gives the same slice by slice", () => {
    const model = build();
    const x = images(3);
    const whole = model.encode(x).mean;
    const decoded = model.decode(whole);
    model.enableSlicing();
    expect(model.encode(x).mean.allclose(whole, 1e-4, 1e-5)).toBe(true);
    expect(model.decode(whole).allclose(decoded, 1e-4, 1e-5)).toBe(true);
    model.enableSlicing(false);
    expect(model.decode(whole).equal(decoded)).toBe(true);
  });

  it("takes pictures in tiles only where they are larger, and until it is told to stop", () => {
    const model = build({ sampleSize: 8 });
    const [large, small] = [images(), images().narrow(3, 0, 8)];
    const [wholeLarge, wholeSmall] = [model.call(large), model.call(small)];
    model.enableTiling();
    expect(model.call(small).equal(wholeSmall)).toBe(true);
    const tiled = model.call(large);
    expect(tiled.shape).toEqual(wholeLarge.shape);
    expect(tiled.allclose(wholeLarge, 1e-3)).toBe(false);
    model.enableTiling({ tileSampleMinSize: 16 });
    expect(model.call(large).equal(wholeLarge)).toBe(true);
    model.enableTiling();
    model.disableTiling();
    expect(model.call(large).equal(wholeLarge)).toBe(true);
  });

  it("lets gradients through the seams of tiles", () => {
    const model = build({ sampleSize: 8 });
    model.enableTiling();
    const latents = torch.randn([1, 4, 4, 7], { generator: torch.generator(2) }).requiresGrad_();
    torch.backward(torch.tidy(() => model.decode(latents).square().mean()));
    expect(latents.grad?.abs().amin().item()).toBeGreaterThan(0);
  });

  it.each([
    [12, 0.25, 8],
    [16, 0.3, 8],
    [16, 1, 8],
    [16, -0.5, 8],
    [100, 0.25, 8],
  ])("refuses tiles of %i that overlap by %f", (tileSampleMinSize, tileOverlapFactor) => {
    const model = build({ blockOutChannels: [8, 8, 8, 8] });
    expect(() => model.enableTiling({ tileSampleMinSize, tileOverlapFactor })).toThrow(
      `Expected tiles and overlaps of whole latents, 8 pixels each, for tileSampleMinSize and tileOverlapFactor but received ${tileSampleMinSize} and ${tileOverlapFactor}`,
    );
  });

  it("goes to float32 for a moment only where the file says so and it is in float16", () => {
    const dtypeInside = (forceUpcast: boolean, dtype: torch.DType): torch.DType => {
      const model = build({ forceUpcast }).to({ dtype });
      const inside = model.upcasted(() => model.dtype);
      expect(model.dtype).toBe(dtype);
      return inside;
    };
    expect(dtypeInside(true, "float16")).toBe("float32");
    expect(dtypeInside(false, "float16")).toBe("float16");
    expect(dtypeInside(true, "bfloat16")).toBe("bfloat16");
    const model = build().to({ dtype: "float16" });
    const fail = (): never => {
      throw new Error("inside");
    };
    expect(() => model.upcasted(fail)).toThrow("inside");
    expect(model.dtype).toBe("float16");
  });

  it.each([
    [false, false],
    [true, false],
    [true, true],
  ])("frees everything but its results (slicing: %s, tiling: %s)", (slicing, tiling) => {
    const model = build({ sampleSize: 8 });
    const x = images();
    model.enableSlicing(slicing);
    if (tiling) model.enableTiling();
    collectGarbage();
    const before = torch.memory().tensors;
    const posterior = model.encode(x);
    expect(torch.memory().tensors).toBe(before + 2);
    const latents = posterior.sample(torch.generator(0));
    expect(torch.memory().tensors).toBe(before + 3);
    const results = [latents, model.decode(latents), posterior.kl(), model.call(x)];
    expect(torch.memory().tensors).toBe(before + 2 + results.length);
  });

  it("says what it wants of its inputs", () => {
    const model = build();
    expect(() => model.encode(torch.zeros([3, 8, 8]))).toThrow(
      "Expected a tensor [batch, 3, height, width] for images but received [3, 8, 8]",
    );
    expect(() => model.decode(torch.zeros([1, 3, 8, 8]))).toThrow(
      "Expected a tensor [batch, 4, height, width] for latents but received [1, 3, 8, 8]",
    );
  });
});

describe("AutoencoderKL on disk", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-vae-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("comes back as it was saved", async () => {
    const model = build({ scalingFactor: 0.13025, useQuantConv: false });
    await model.savePretrained(join(folder, "vae"));
    const loaded = await AutoencoderKL.fromPretrained(folder, { subfolder: "vae" });
    expect(loaded.config).toEqual(model.config);
    expectEqualTensors(loaded.stateDict(), model.stateDict());
    expect(loaded.call(images()).allclose(model.call(images()), 1e-5, 1e-6)).toBe(true);
  });

  it("loads files with the attention's old names and 1×1 convolutions", async () => {
    const model = build();
    const oldNames = { to_q: "query", to_k: "key", to_v: "value", "to_out.0": "proj_attn" };
    const old = new Map(
      [...model.stateDict()].map(([key, tensor]) => {
        const [, block, layer, kind] = /^(.*attentions\.0)\.(to_.*)\.(\w+)$/.exec(key) ?? [];
        if (block === undefined) return [key, tensor];
        const name = oldNames[layer as keyof typeof oldNames];
        const isConvolution = block.startsWith("encoder") && kind === "weight";
        const stored = isConvolution ? tensor.unsqueeze(2).unsqueeze(3) : tensor;
        return [`${block}.${name}.${kind}`, stored];
      }),
    );
    expect(old.has("decoder.mid_block.attentions.0.proj_attn.bias")).toBe(true);
    await saveModelFolder(join(folder, "old"), {
      baseName: "diffusion_pytorch_model",
      config: writeAutoencoderKLConfig(model.config),
      tensors: old,
    });
    const loaded = await AutoencoderKL.fromPretrained(join(folder, "old"));
    expectEqualTensors(loaded.stateDict(), model.stateDict());
    expect(loaded.call(images()).allclose(model.call(images()), 1e-5, 1e-6)).toBe(true);
  });

  it("names the weights that don't fit", async () => {
    const weights = build().stateDict();
    weights.delete("quant_conv.bias");
    await saveModelFolder(join(folder, "broken"), {
      baseName: "diffusion_pytorch_model",
      config: writeAutoencoderKLConfig(build({ latentChannels: 8 }).config),
      tensors: weights,
    });
    await expect(AutoencoderKL.fromPretrained(join(folder, "broken"))).rejects.toThrow(
      /The weights do not fit AutoencoderKL; nothing was loaded\.\n {2}missing \(1\):\n {4}quant_conv\.bias\n {2}of another shape[\s\S]*encoder\.conv_out\.weight: expected \[16, 32, 3, 3\], found \[8, 32, 3, 3\]/,
    );
  });
});
