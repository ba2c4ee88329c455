import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { PixArtBlock } from "../pixart/block.ts";
import { PixArtTransformer2DModel, type PixArtTransformerConfig } from "../pixart/index.ts";
import { PixArtControlNetAdapterModel } from "./adapter.ts";
import {
  pixArtControlNetConfig,
  readPixArtControlNetConfig,
  writePixArtControlNetConfig,
} from "./config.ts";
import { PixArtControlNetTransformerModel } from "./transformer.ts";

const tiny: Partial<PixArtTransformerConfig> = {
  sampleSize: 8,
  numLayers: 3,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  captionChannels: 32,
  crossAttentionDim: 24,
};

const build = (given: Partial<PixArtTransformerConfig> = {}): PixArtTransformer2DModel =>
  construct(
    { generator: torch.generator(0) },
    () => new PixArtTransformer2DModel({ ...tiny, ...given }),
  );

describe("fromTransformer", () => {
  it("copies the first blocks, and shares nothing with them", () => {
    const transformer = build();
    const adapter = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 2 });
    const weights = adapter.stateDict();
    const copy = weights.get("controlnet_blocks.1.transformer_block.ff.net.2.weight");
    const original = transformer.stateDict().get("transformer_blocks.1.ff.net.2.weight");
    if (copy === undefined || original === undefined) throw new Error("missing");
    expect(copy.equal(original)).toBe(true);
    expect(copy.requiresGrad).toBe(true);
    torch.noGrad(() => copy.zero_());
    expect(original.detach().abs().amax().item()).toBeGreaterThan(0);
    for (const key of ["0.before_proj", "0.after_proj", "1.after_proj"]) {
      for (const kind of ["weight", "bias"]) {
        const zero = weights.get(`controlnet_blocks.${key}.${kind}`)?.detach();
        expect(zero?.abs().amax().item(), key).toBe(0);
      }
    }
  });

  it("draws nothing", () => {
    const transformer = build();
    torch.manualSeed(1);
    const before = torch.rand([1]).item();
    torch.manualSeed(1);
    PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 2 });
    expect(torch.rand([1]).item()).toBe(before);
  });

  it("needs a block behind the last that it copies", () => {
    expect(() => PixArtControlNetAdapterModel.fromTransformer(build())).toThrow(
      "Expected fewer control blocks than the transformer's 3 for numLayers but received 13: each feeds the block after the one that it copies",
    );
  });

  it("compresses where the copied blocks do", () => {
    const kvCompressConfig = { sampling: "conv", scaleFactor: 2, kvCompressLayer: [1, 2] } as const;
    const copied = (numLayers: number) =>
      PixArtControlNetAdapterModel.fromTransformer(build({ kvCompressConfig, qkNorm: true }), {
        numLayers,
      }).config;
    expect(copied(2)).toMatchObject({
      kvCompressConfig: { ...kvCompressConfig, kvCompressLayer: [1] },
      qkNorm: true,
    });
    expect(copied(1).kvCompressConfig).toBeNull();
  });
});

describe("PixArtControlNetTransformerModel", () => {
  it("holds as many tensors in each block as in the one before", () => {
    const transformer = build({ numLayers: 6 });
    const adapter = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 5 });
    const model = new PixArtControlNetTransformerModel(transformer, adapter);
    const held: number[] = [];
    collectGarbage();
    const run = PixArtBlock.prototype.forward;
    vi.spyOn(PixArtBlock.prototype, "forward").mockImplementation(function (
      this: PixArtBlock,
      ...given
    ) {
      held.push(torch.memory().tensors);
      return run.apply(this, given);
    });
    torch.noGrad(() =>
      torch.tidy(() =>
        model.call(torch.zeros([1, 4, 8, 8]), {
          encoderHiddenStates: torch.zeros([1, 3, 32]),
          timestep: torch.zeros([1]),
          controlnetCond: torch.zeros([1, 4, 8, 8]),
        }),
      ),
    );
    vi.restoreAllMocks();
    expect(held).toHaveLength(11);
    // Base block 0, then each time a copy and the block that it leads to; only the first copy has a layer before it.
    const [, ...copies] = held.filter((_, i) => i % 2 === 1);
    const [, ...blocks] = held.filter((_, i) => i % 2 === 0);
    expect(new Set(copies).size).toBe(1);
    expect(new Set(blocks).size).toBe(1);
  });
});

describe("an adapter's config.json", () => {
  it("holds the number of layers alone for XL/2", () => {
    const config = pixArtControlNetConfig({});
    expect(writePixArtControlNetConfig(config)).toEqual({
      _class_name: "PixArtControlNetAdapterModel",
      num_layers: 13,
    });
  });

  it("says how other blocks differ, and reads back", () => {
    const config = pixArtControlNetConfig({ numLayers: 2, numAttentionHeads: 3, qkNorm: true });
    const json = writePixArtControlNetConfig(config);
    expect(json).toEqual({
      _class_name: "PixArtControlNetAdapterModel",
      num_layers: 2,
      num_attention_heads: 3,
      qk_norm: true,
    });
    expect(readPixArtControlNetConfig(json, "config.json")).toEqual(config);
  });

  it("is refused where it is another model's, or compresses layers that aren't there", () => {
    expect(() => readPixArtControlNetConfig({ _class_name: "ControlNetModel" }, "c.json")).toThrow(
      'Expected PixArtControlNetAdapterModel for _class_name in c.json but received "ControlNetModel"',
    );
    const kvCompressConfig = { sampling: "ave", scaleFactor: 2, kvCompressLayer: [13] } as const;
    expect(() => pixArtControlNetConfig({ kvCompressConfig })).toThrow(
      "Expected layers below numLayers, 13, for kvCompressLayer but received 13",
    );
  });
});

describe("PixArtControlNetTransformerModel", () => {
  const inputs = () => ({
    encoderHiddenStates: torch.randn([2, 5, 32], { generator: torch.generator(1) }),
    timestep: torch.tensor([9, 500], { dtype: "int64" }),
  });

  it("says what does not fit", () => {
    const transformer = build();
    const wider = {
      numLayers: 2,
      numAttentionHeads: 4,
      attentionHeadDim: 8,
      crossAttentionDim: 24,
    };
    expect(
      () =>
        new PixArtControlNetTransformerModel(transformer, new PixArtControlNetAdapterModel(wider)),
    ).toThrow(
      "Expected the transformer's numAttentionHeads, 3, for the control blocks but received 4",
    );
    const controlnet = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 2 });
    expect(() => new PixArtControlNetTransformerModel(build({ numLayers: 2 }), controlnet)).toThrow(
      "Expected fewer control blocks than the transformer's 2 for numLayers but received 2: each feeds the block after the one that it copies",
    );
    const model = new PixArtControlNetTransformerModel(transformer, controlnet);
    const call = () =>
      model.call(torch.zeros([2, 4, 8, 8]), {
        ...inputs(),
        controlnetCond: torch.zeros([2, 4, 8, 4]),
      });
    expect(call).toThrow(
      "Expected the shape of hiddenStates, [2, 4, 8, 8], for controlnetCond but received [2, 4, 8, 4]",
    );
  });

  it("frees everything but its output, and with dispose() everything", () => {
    collectGarbage();
    const before = torch.memory().tensors;
    const transformer = build();
    const model = new PixArtControlNetTransformerModel(
      transformer,
      PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 2 }),
    );
    torch.tidy(() => {
      const x = torch.zeros([2, 4, 8, 8]);
      const given = { ...inputs(), controlnetCond: x };
      model.call(x, given).dispose();
      const held = torch.memory().tensors;
      model.call(x, given);
      expect(torch.memory().tensors).toBe(held + 1);
    });
    model.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("keeps the adapter apart on disk", async () => {
    const controlnet = PixArtControlNetAdapterModel.fromTransformer(build(), { numLayers: 2 });
    await controlnet.savePretrained(folder);
    const again = await PixArtControlNetAdapterModel.fromPretrained(folder);
    expect(again.config).toEqual(controlnet.config);
    const json = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    expect(json.num_layers).toBe(2);
  });

  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-controlnet-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
});
