import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { expectEqualTensors } from "../../../test/fixtures/equal-tensors.ts";
import { construct, QuantizedLinear } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { type PixArtTransformerConfig, writePixArtTransformerConfig } from "./config.ts";
import { type PixArtInputs, PixArtTransformer2DModel } from "./transformer.ts";

beforeEach(collectGarbage);

const tiny: Partial<PixArtTransformerConfig> = {
  sampleSize: 8,
  numLayers: 2,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  captionChannels: 32,
  crossAttentionDim: 24,
};

const build = (given: Partial<PixArtTransformerConfig> = {}, seed = 0): PixArtTransformer2DModel =>
  construct(
    { generator: torch.generator(seed) },
    () => new PixArtTransformer2DModel({ ...tiny, ...given }),
  );

const inputs = (
  batch = 2,
  tokens = 5,
): PixArtInputs & { readonly encoderHiddenStates: torch.Tensor } => ({
  encoderHiddenStates: torch.randn([batch, tokens, 32], { generator: torch.generator(1) }),
  timestep: torch.tensor([999, 1].slice(0, batch), { dtype: "int64" }),
});

const latents = (height = 8, width = 8): torch.Tensor =>
  torch.randn([2, 4, height, width], { generator: torch.generator(2) });

describe("PixArtTransformer2DModel", () => {
  it("keeps the picture's size and frees everything but its output", () => {
    const model = build();
    const x = latents(4, 12);
    const given = inputs();
    model.call(x, given).dispose();
    const before = torch.memory().tensors;
    const y = model.call(x, given);
    expect(y.shape).toEqual([2, 8, 4, 12]);
    expect(torch.memory().tensors).toBe(before + 1);
    model.dispose();
  });

  it("gives the same bits where the caption's keys and values are computed before", () => {
    const model = build();
    const x = latents();
    const { encoderHiddenStates, ...given } = inputs();
    const before = torch.memory().tensors;
    const prepared = model.prepareCaption(encoderHiddenStates);
    expect(torch.memory().tensors).toBe(before + 2 * model.config.numLayers);
    const direct = model.call(x, { ...given, encoderHiddenStates });
    expect(model.call(x, { ...given, encoderHiddenStates: prepared }).equal(direct)).toBe(true);
    const other = model.prepareCaption(encoderHiddenStates.mul(2));
    expect(model.call(x, { ...given, encoderHiddenStates: other }).equal(direct)).toBe(false);
    expect(() => model.call(x, { ...given, encoderHiddenStates: prepared.slice(1) })).toThrow(
      `Expected a caption prepared for ${model.config.numLayers} blocks`,
    );
  });

  it.each([
    [
      "an empty negative prompt first",
      [
        [1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1],
      ],
    ],
    [
      "padding beside it",
      [
        [1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0],
      ],
    ],
    [
      "a single token last",
      [
        [1, 1, 1, 0, 0],
        [1, 0, 0, 0, 0],
      ],
    ],
    [
      "single tokens alone",
      [
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
      ],
    ],
  ])("computes less with a mask that was told: %s", (_, rows) => {
    const model = build();
    const x = latents();
    const encoderAttentionMask = torch.tensor(rows, { dtype: "int64" });
    const given = { ...inputs(), encoderAttentionMask };
    const direct = model.call(x, given);
    const prepared = model.prepareCaption(given.encoderHiddenStates, encoderAttentionMask);
    const firstConstant = prepared[0]?.constant?.size(0) ?? 0;
    const alone = rows.findIndex((row) => row.filter((one) => one === 1).length > 1);
    expect(firstConstant).toBe(alone === -1 ? 2 : alone);
    const drawn = model.call(x, { ...given, encoderHiddenStates: prepared });
    expect(drawn.allclose(direct, 1e-5, 1e-6)).toBe(true);
  });

  it("does not read caption tokens that are masked", () => {
    const model = build();
    const x = latents();
    const given = inputs();
    const mask = torch.tensor(
      [
        [1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0],
      ],
      { dtype: "int64" },
    );
    const short = { ...given, encoderHiddenStates: given.encoderHiddenStates.narrow(1, 0, 3) };
    const masked = model.call(x, { ...given, encoderAttentionMask: mask });
    expect(masked.allclose(model.call(x, short), 1e-5, 1e-6)).toBe(true);
    expect(masked.allclose(model.call(x, given), 1e-5, 1e-6)).toBe(false);
  });

  it("asks for the size of the picture where it is conditioned on it", () => {
    const model = build({ useAdditionalConditions: true });
    expect(() => model.call(latents(), inputs())).toThrow(
      "Expected resolution and aspectRatio for addedCondKwargs but received undefined. This model is conditioned on the size of the picture.",
    );
    const sized = (height: number) => ({
      resolution: torch.tensor([
        [height, 512],
        [height, 512],
      ]),
      aspectRatio: torch.tensor([[height / 512], [height / 512]]),
    });
    const at = (height: number) =>
      model.call(latents(), { ...inputs(), addedCondKwargs: sized(height) });
    expect(at(512).allclose(at(1024))).toBe(false);
  });

  it("gives the same gradients with gradient checkpointing", () => {
    const gradients = (checkpointing: boolean): Map<string, Float32Array> => {
      const model = build();
      model.gradientCheckpointing = checkpointing;
      const encoderAttentionMask = torch.ones([2, 5]);
      const given = { ...inputs(), encoderAttentionMask };
      const loss = torch.tidy(() => model.call(latents(), given).square().mean());
      torch.backward(loss);
      return new Map(
        [...model.namedParameters()].map(([key, parameter]) => [
          key,
          parameter.grad?.toFloat32Array() ?? new Float32Array(),
        ]),
      );
    };
    const plain = gradients(false);
    const checkpointed = gradients(true);
    expect([...checkpointed.keys()]).toEqual([...plain.keys()]);
    for (const [key, gradient] of plain) {
      expect(gradient.some((value) => value !== 0)).toBe(true);
      const other = checkpointed.get(key) ?? new Float32Array();
      const distance = Math.hypot(...gradient.map((value, i) => value - (other[i] ?? Number.NaN)));
      expect(distance, key).toBeLessThanOrEqual(1e-6 * Math.hypot(...gradient) + 1e-10);
    }
  });
});

describe("initializeWeights", () => {
  const model = build({ useAdditionalConditions: true, numLayers: 1 }).initializeWeights(
    torch.generator(3),
  );
  const get = (key: string): torch.Tensor => {
    const parameter = model.namedParameters().get(key);
    if (parameter === undefined) throw new Error(key);
    return parameter.detach();
  };
  const spread = (key: string): number => get(key).std().item();

  it("starts from an output of zero, with captions shut out and gates open", () => {
    for (const key of [
      "proj_out.weight",
      "proj_out.bias",
      "transformer_blocks.0.attn2.to_out.0.weight",
      "transformer_blocks.0.attn2.to_out.0.bias",
    ]) {
      expect(get(key).abs().amax().item(), key).toBe(0);
    }
    expect(get("transformer_blocks.0.scale_shift_table").select(0, 2).abs().amin().item()).not.toBe(
      0,
    );
  });

  it("draws embeddings from a normal, tables by the width and the rest as Xavier", () => {
    for (const key of [
      "adaln_single.linear",
      "adaln_single.emb.timestep_embedder.linear_1",
      "adaln_single.emb.timestep_embedder.linear_2",
      "adaln_single.emb.resolution_embedder.linear_1",
      "adaln_single.emb.aspect_ratio_embedder.linear_1",
      "caption_projection.linear_1",
      "caption_projection.linear_2",
    ]) {
      expect(spread(`${key}.weight`), key).toBeGreaterThan(0.017);
      expect(spread(`${key}.weight`), key).toBeLessThan(0.023);
      expect(get(`${key}.bias`).abs().amax().item(), key).toBe(0);
    }
    expect(spread("transformer_blocks.0.scale_shift_table")).toBeCloseTo(24 ** -0.5, 1);
    const bound = (key: string) => get(key).abs().amax().item();
    const xavier = (fanIn: number, fanOut: number) => Math.sqrt(6 / (fanIn + fanOut));
    expect(bound("transformer_blocks.0.attn1.to_q.weight")).toBeLessThanOrEqual(xavier(24, 24));
    expect(bound("transformer_blocks.0.attn1.to_q.weight")).toBeGreaterThan(0.95 * xavier(24, 24));
    expect(bound("transformer_blocks.0.ff.net.2.weight")).toBeGreaterThan(0.95 * xavier(96, 24));
    expect(bound("pos_embed.proj.weight")).toBeLessThanOrEqual(xavier(16, 24));
    expect(bound("pos_embed.proj.weight")).toBeGreaterThan(0.95 * xavier(16, 24));
    expect(bound("pos_embed.proj.bias")).toBeLessThanOrEqual(0.25);
    expect(bound("pos_embed.proj.bias")).toBeGreaterThan(0.1);
  });

  it("draws the same from the same seed", () => {
    const draw = (seed: number) =>
      build({}, seed).initializeWeights(torch.generator(5)).posEmbed.proj.bias?.tolist();
    expect(draw(0)).toEqual(draw(1));
  });
});

describe("fromPretrained", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-transformer-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads back what savePretrained writes, from a pipeline's subfolder too", async () => {
    const model = build();
    await model.savePretrained(join(folder, "transformer"));
    const again = await PixArtTransformer2DModel.fromPretrained(folder, {
      subfolder: "transformer",
    });
    expect(again.config).toEqual(model.config);
    expectEqualTensors(again.stateDict(), model.stateDict());
    const output = model.call(latents(), inputs());
    expect(again.call(latents(), inputs()).allclose(output, 1e-5, 1e-6)).toBe(true);
  });

  it("computes nearly the same with 8-bit weights in its blocks", async () => {
    const model = build();
    await model.savePretrained(join(folder, "to-quantize"));
    const small = await PixArtTransformer2DModel.fromPretrained(join(folder, "to-quantize"), {
      quantize: "int8",
    });
    const rounded = [...small.namedModules()].filter(
      ([, layer]) => layer instanceof QuantizedLinear,
    );
    // Four products of each of the two attentions and two of the MLP, in two blocks.
    expect(rounded.map(([key]) => key.split(".")[0])).toEqual(Array(20).fill("transformer_blocks"));
    const exact = model.call(latents(), inputs());
    const distance = small.call(latents(), inputs()).sub(exact).norm().item();
    expect(distance / exact.norm().item()).toBeLessThan(0.03);
    expect(distance).toBeGreaterThan(0);
  });

  it("gives bfloat16 that computes nearly the same", async () => {
    const model = build();
    await model.savePretrained(folder);
    const dtype = "bfloat16";
    const half = await PixArtTransformer2DModel.fromPretrained(folder, { dtype });
    const { encoderHiddenStates, timestep } = inputs();
    const encoderAttentionMask = torch.ones([2, 5], { dtype: "int64" });
    const given = {
      encoderHiddenStates: encoderHiddenStates.to({ dtype }),
      timestep,
      encoderAttentionMask,
    };
    const y = half.call(latents().to({ dtype }), given);
    expect(y.dtype).toBe(dtype);
    const wide = model.call(latents(), inputs());
    expect(y.float().sub(wide).norm().item() / wide.norm().item()).toBeLessThan(0.03);
  });

  it("lists all that is missing, unexpected or of another shape, and the file's bad fields", async () => {
    const model = build();
    const tensors = model.stateDict();
    tensors.delete("scale_shift_table");
    tensors.delete("proj_out.bias");
    tensors.set("y_embedder.y_embedding", torch.zeros([1]));
    tensors.set("adaln_single.linear.bias", torch.zeros([24]));
    const config = writePixArtTransformerConfig(model.config);
    await saveModelFolder(folder, { baseName: "diffusion_pytorch_model", config, tensors });
    await expect(PixArtTransformer2DModel.fromPretrained(folder)).rejects.toThrow(
      [
        "The weights do not fit PixArtTransformer2DModel; nothing was loaded.",
        "  missing (2):",
        "    scale_shift_table",
        "    proj_out.bias",
        "  unexpected (1):",
        "    y_embedder.y_embedding",
        "  of another shape (1):",
        "    adaln_single.linear.bias: expected [144], found [24]",
      ].join("\n"),
    );
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: { ...config, norm_type: "layer_norm" },
      tensors,
    });
    await expect(PixArtTransformer2DModel.fromPretrained(folder)).rejects.toThrow(
      `Expected "ada_norm_single" for norm_type in ${join(folder, "config.json")} but received "layer_norm"`,
    );
  });
});
