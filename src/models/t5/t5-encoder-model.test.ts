import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { expectEqualTensors } from "../../../test/fixtures/equal-tensors.ts";
import { construct, QuantizedLinear } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { readSafetensors, writeSafetensors } from "../../weights/index.ts";
import type { T5Config } from "./config.ts";
import { T5EncoderModel } from "./t5-encoder-model.ts";

const small: Partial<T5Config> = {
  vocabSize: 50,
  dModel: 32,
  dKv: 8,
  dFf: 48,
  numLayers: 2,
  numHeads: 4,
  feedForwardProj: "gated-gelu",
};

const build = (given: Partial<T5Config> = {}): T5EncoderModel =>
  construct({ generator: torch.generator(0) }, () => new T5EncoderModel({ ...small, ...given }));

const ints = (rows: number[][]): torch.Tensor => torch.tensor(rows, { dtype: "int64" });

const refusal =
  'Expected bfloat16 or float32 for the dtype of T5EncoderModel but received float16, in which T5 overflows. Load it with { dtype: "bfloat16" }.';

describe("T5EncoderModel", () => {
  it("has the weights of T5-v1.1-XXL's encoder", () => {
    const xxl = construct(
      { device: "meta" },
      () =>
        new T5EncoderModel({
          dModel: 4096,
          dFf: 10240,
          numHeads: 64,
          numLayers: 24,
          feedForwardProj: "gated-gelu",
        }),
    );
    expect(xxl.numParameters()).toBe(4_762_310_656);
    const shapes = new Map([...xxl.stateDict()].map(([key, { shape }]) => [key, shape]));
    expect(shapes.size).toBe(219);
    expect(shapes.get("shared.weight")).toEqual([32128, 4096]);
    expect(
      shapes.get("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
    ).toEqual([32, 64]);
    expect(shapes.get("encoder.block.23.layer.1.DenseReluDense.wi_1.weight")).toEqual([
      10240, 4096,
    ]);
  });

  it("gives a state for every token and frees everything else", () => {
    const model = build();
    const ids = ints([
      [3, 4, 5],
      [6, 1, 0],
    ]);
    const attentionMask = ints([
      [1, 1, 1],
      [1, 1, 0],
    ]);
    collectGarbage();
    const before = torch.memory().tensors;
    const hidden = model.call(ids, { attentionMask });
    expect(hidden.shape).toEqual([2, 3, 32]);
    expect(torch.memory().tensors).toBe(before + 1);
  });

  it("does not let padding into the states of tokens", () => {
    const model = build();
    const states = (third: number, mask?: number[][]): torch.Tensor =>
      model.call(ints([[3, 4, third]]), { attentionMask: mask && ints(mask) }).narrow(1, 0, 2);
    const masked = states(0, [[1, 1, 0]]);
    expect(masked.equal(states(9, [[1, 1, 0]]))).toBe(true);
    expect(masked.allclose(model.call(ints([[3, 4]])), 1e-5, 1e-5)).toBe(true);
    expect(states(0).allclose(states(9), 1e-5, 1e-5)).toBe(false);
  });

  it("knows the order of tokens by relative position alone", () => {
    const model = build();
    const alone = model.call(ints([[3, 4, 5]]));
    const mask = ints([[0, 0, 1, 1, 1]]);
    const shifted = model.call(ints([[0, 0, 3, 4, 5]]), { attentionMask: mask }).narrow(1, 2, 3);
    expect(shifted.allclose(alone, 1e-5, 1e-5)).toBe(true);
    const reversed = model.call(ints([[5, 4, 3]])).flip([1]);
    expect(reversed.allclose(alone, 1e-3, 1e-3)).toBe(false);
  });

  it("stays finite where a whole row is padding", () => {
    const hidden = build().call(ints([[3, 4]]), { attentionMask: ints([[0, 0]]) });
    expect(hidden.isfinite().all().item()).toBe(1);
  });

  it("draws initial weights with transformers' spreads", () => {
    const model = build({ initializerFactor: 0.5, dModel: 64, dKv: 16, dFf: 256, numLayers: 1 });
    const spread = (key: string): number =>
      model.namedParameters().get(`encoder.block.0.layer.${key}.weight`)?.detach().std().item() ??
      Number.NaN;
    expect(model.shared.weight.detach().std().item()).toBeCloseTo(0.5, 1);
    for (const [key, expected] of [
      ["0.SelfAttention.q", (64 * 16) ** -0.5],
      ["0.SelfAttention.k", 64 ** -0.5],
      ["0.SelfAttention.v", 64 ** -0.5],
      ["0.SelfAttention.o", (4 * 16) ** -0.5],
      ["0.SelfAttention.relative_attention_bias", 64 ** -0.5],
      ["1.DenseReluDense.wi_0", 64 ** -0.5],
      ["1.DenseReluDense.wi_1", 64 ** -0.5],
      ["1.DenseReluDense.wo", 256 ** -0.5],
    ] as const) {
      const ratio = spread(key) / (0.5 * expected);
      expect(ratio, key).toBeGreaterThan(0.85);
      expect(ratio, key).toBeLessThan(1.15);
    }
    for (const key of ["encoder.block.0.layer.0.layer_norm", "encoder.final_layer_norm"]) {
      const weight = model.namedParameters().get(`${key}.weight`);
      expect(weight?.equal(torch.full([64], 0.5)), key).toBe(true);
    }
  });

  it("draws the same from the same seed", () => {
    const [one, other] = [build(), build()];
    for (const [key, tensor] of one.stateDict()) {
      expect(other.stateDict().get(key)?.equal(tensor), key).toBe(true);
    }
  });

  it("refuses float16", () => {
    const model = build();
    expect(() => model.to({ dtype: "float16" })).toThrow(refusal);
    expect(() => construct({ dtype: "float16" }, () => build())).toThrow(refusal);
    expect(model.dtype).toBe("float32");
    expect(model.to({ dtype: "bfloat16" }).dtype).toBe("bfloat16");
  });
});

describe("T5EncoderModel on disk", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-t5-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("comes back as it was saved, in the dtype asked for", async () => {
    const model = build();
    await model.savePretrained(join(folder, "text_encoder"));
    const options = { subfolder: "text_encoder" };
    const loaded = await T5EncoderModel.fromPretrained(folder, options);
    expect(loaded.config).toEqual(model.config);
    const ids = ints([[3, 4, 5]]);
    expectEqualTensors(loaded.stateDict(), model.stateDict());
    expect(loaded.call(ids).allclose(model.call(ids), 1e-5, 1e-6)).toBe(true);
    const half = await T5EncoderModel.fromPretrained(folder, { ...options, dtype: "bfloat16" });
    expect(half.dtype).toBe("bfloat16");
    await expect(
      T5EncoderModel.fromPretrained(folder, { ...options, dtype: "float16" }),
    ).rejects.toThrow(refusal);
  });

  it("takes bfloat16 for a file of float16, all of it or in part as transformers writes it", async () => {
    const model = build();
    await model.savePretrained(join(folder, "whole"));
    for (const isIn of [() => true, (key: string) => !key.endsWith("wo.weight")]) {
      const half = [...model.stateDict()].map(
        ([key, tensor]) => [key, isIn(key) ? tensor.to({ dtype: "float16" }) : tensor] as const,
      );
      const own = await mkdtemp(join(folder, "half-"));
      await copyFile(join(folder, "whole", "config.json"), join(own, "config.json"));
      await writeSafetensors(join(own, "model.safetensors"), new Map(half));
      const loaded = await T5EncoderModel.fromPretrained(own, { dtype: "auto" });
      expect(loaded.dtype).toBe("bfloat16");
    }
  });

  it("keeps the dtype of the file where it is asked to", async () => {
    const saved = build().to({ dtype: "bfloat16" });
    await saved.savePretrained(join(folder, "half"));
    const loaded = await T5EncoderModel.fromPretrained(join(folder, "half"), { dtype: "auto" });
    expect(loaded.dtype).toBe("bfloat16");
    expect(loaded.stateDict().get("shared.weight")?.equal(saved.shared.weight)).toBe(true);
    const tensors = new Map(saved.stateDict());
    tensors.set("shared.weight", saved.shared.weight.float());
    await writeSafetensors(join(folder, "half", "model.safetensors"), tensors);
    await expect(
      T5EncoderModel.fromPretrained(join(folder, "half"), { dtype: "auto" }),
    ).rejects.toThrow(
      `Expected weights of one dtype in ${join(folder, "half")} for dtype "auto" but received float32 (shared.weight) and bfloat16 (encoder.block.0.layer.0.SelfAttention.k.weight); name one`,
    );
  });

  it("computes nearly the same with 8-bit weights, of a quarter of the size", async () => {
    const wide = { vocabSize: 50, dModel: 128, dKv: 16, dFf: 256, numLayers: 3, numHeads: 8 };
    const model = build(wide);
    await model.savePretrained(join(folder, "wide"));
    const quantize = "int8";
    const loaded = await T5EncoderModel.fromPretrained(join(folder, "wide"), { quantize });
    const ids = ints([[3, 4, 5, 9, 11, 1]]);
    const exact = model.call(ids);
    const distance = loaded.call(ids).sub(exact).norm().item() / exact.norm().item();
    expect(distance).toBeLessThan(0.03);
    expect(distance).toBeGreaterThan(1e-4);
    const blocks = [...model.namedParameters()].filter(([key]) =>
      /\.block\..*(q|k|v|o|wi_\d|wo)\.weight$/.test(key),
    );
    const floats = blocks.reduce((sum, [, { numel }]) => sum + 4 * numel, 0);
    const bytes = [...loaded.namedModules()].reduce(
      (sum, [, layer]) =>
        layer instanceof QuantizedLinear
          ? sum + layer.packed.numel + 4 * layer.scale.numel + 8 * layer.zeroPoint.numel
          : sum,
      0,
    );
    expect(bytes / floats).toBeGreaterThan(0.25);
    expect(bytes / floats).toBeLessThan(0.28);
    await expect(loaded.savePretrained(join(folder, "again"))).rejects.toThrow(
      "Expected T5EncoderModel with the weights that it was loaded from for stateDict() but received one with 8-bit weights in encoder.block.0.layer.0.SelfAttention.q; load it again without quantize",
    );
  });

  it("refuses 8-bit weights elsewhere than on the CPU, and other bits", async () => {
    await expect(
      T5EncoderModel.fromPretrained(folder, { quantize: "int8", device: "cuda" }),
    ).rejects.toThrow("Expected cpu for device with quantize but received cuda");
    await expect(
      T5EncoderModel.fromPretrained(folder, { quantize: "int4" as "int8" }),
    ).rejects.toThrow('Expected "int8" for quantize but received "int4"');
  });

  it("holds the shared embedding once, under the name that transformers keeps", async () => {
    const file = readSafetensors(join(folder, "text_encoder", "model.safetensors"));
    expect(file.tensors.has("shared.weight")).toBe(true);
    expect(file.tensors.has("encoder.embed_tokens.weight")).toBe(false);
    expect(file.metadata).toEqual({ format: "pt" });
  });
});
