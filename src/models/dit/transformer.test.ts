import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { type DiTConfig, writeDiTConfig } from "./config.ts";
import { toDiffusersDiT } from "./diffusers-keys.ts";
import { DiTTransformer2DModel } from "./transformer.ts";

beforeEach(collectGarbage);

const tiny: Partial<DiTConfig> = {
  sampleSize: 8,
  numLayers: 2,
  attentionHeadDim: 8,
  numAttentionHeads: 3,
  numEmbedsAdaNorm: 10,
};

const build = (given: Partial<DiTConfig> = {}): DiTTransformer2DModel =>
  construct(
    { generator: torch.generator(0) },
    () => new DiTTransformer2DModel({ ...tiny, ...given }),
  );

const x = torch.randn([2, 4, 8, 6], { generator: torch.generator(1) });
const timestep = torch.tensor([999, 1], { dtype: "int64" });
const labels = (...values: number[]) => torch.tensor(values, { dtype: "int64" });

describe("DiTTransformer2DModel", () => {
  it("has the released model's number of weights", () => {
    const model = construct({ device: "meta" }, () => new DiTTransformer2DModel());
    expect(model.numParameters()).toBe(674_834_720);
  });

  it("keeps the picture's size and frees everything but its output", () => {
    const model = build();
    const classLabels = labels(3, model.noClass);
    model.call(x, { timestep, classLabels }).dispose();
    const before = torch.memory().tensors;
    expect(model.call(x, { timestep, classLabels }).shape).toEqual([2, 8, 8, 6]);
    expect(torch.memory().tensors).toBe(before + 1);
    model.dispose();
  });

  it("depends on the class, with a row for none beside the classes", () => {
    const model = build();
    const at = (...values: number[]) => model.call(x, { timestep, classLabels: labels(...values) });
    expect(model.noClass).toBe(10);
    expect(model.classEmbedder.embeddingTable.weight.shape).toEqual([11, 24]);
    expect(at(1, 1).allclose(at(2, 2))).toBe(false);
    expect(at(10, 10).allclose(at(2, 2))).toBe(false);
  });

  it("adds nothing to the time where no class is given", () => {
    const model = build();
    torch.noGrad(() => model.classEmbedder.embeddingTable.weight.zero_());
    const zeroed = model.call(x, { timestep, classLabels: labels(1, 2) });
    expect(model.call(x, { timestep }).allclose(zeroed)).toBe(true);
  });

  it("embeds time at other frequencies where diffusers' function is asked for", () => {
    const original = build();
    const diffusers = build({ timestepFreqShift: 1 });
    expect(original.call(x, { timestep }).allclose(diffusers.call(x, { timestep }))).toBe(false);
  });
});

describe("initializeWeights", () => {
  const model = build().initializeWeights(torch.generator(2));
  const largest = (key: string): number =>
    model.namedParameters().get(key)?.detach().abs().amax().item() ?? Number.NaN;

  it("starts as the identity with an output of zero", () => {
    for (const key of [
      "transformer_blocks.0.norm1.linear.weight",
      "transformer_blocks.1.norm1.linear.bias",
      "proj_out_1.weight",
      "proj_out_1.bias",
      "proj_out_2.weight",
      "proj_out_2.bias",
      "pos_embed.proj.bias",
    ]) {
      expect(largest(key), key).toBe(0);
    }
    const y = model.call(x, { timestep, classLabels: labels(0, 1) });
    expect(y.abs().amax().item()).toBe(0);
  });

  it("draws embeddings from a normal and the rest as Xavier", () => {
    const table = model.classEmbedder.embeddingTable.weight.detach();
    expect(table.std().item()).toBeGreaterThan(0.017);
    expect(table.std().item()).toBeLessThan(0.023);
    const time = model.timestepEmbedder.linear1.weight.detach().std().item();
    expect(time).toBeGreaterThan(0.019);
    expect(time).toBeLessThan(0.021);
    const bound = Math.sqrt(6 / 48);
    expect(largest("transformer_blocks.0.attn1.to_q.weight")).toBeLessThanOrEqual(bound);
    expect(largest("transformer_blocks.0.attn1.to_q.weight")).toBeGreaterThan(0.95 * bound);
  });
});

describe("fromPretrained", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-dit-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads back what savePretrained writes", async () => {
    const model = build();
    await model.savePretrained(folder);
    const again = await DiTTransformer2DModel.fromPretrained(folder);
    expect(again.config).toEqual(model.config);
    for (const [key, tensor] of again.stateDict()) {
      expect(tensor.equal(model.stateDict().get(key) ?? tensor.neg()), key).toBe(true);
    }
    const half = await DiTTransformer2DModel.fromPretrained(folder, { dtype: "bfloat16" });
    expect(half.dtype).toBe("bfloat16");
  });

  const save = (change: (tensors: Map<string, torch.Tensor>) => void): Promise<void> => {
    const model = build();
    const tensors = toDiffusersDiT(model.stateDict(), 2);
    change(tensors);
    const config = writeDiTConfig(model.config);
    return saveModelFolder(folder, { baseName: "diffusion_pytorch_model", config, tensors });
  };

  it("refuses blocks that embed time or class differently", async () => {
    const key = "transformer_blocks.1.norm1.emb.class_embedder.embedding_table.weight";
    await save((tensors) => tensors.set(key, torch.zeros([11, 24])));
    await expect(DiTTransformer2DModel.fromPretrained(folder)).rejects.toThrow(
      "Expected transformer_blocks.1.norm1.emb.class_embedder.embedding_table.weight to equal transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight but it differs. DiT embeds time and class once for all blocks; weights that were trained with an embedding in each block can't be loaded.",
    );
  });

  it("lists all that is missing, unexpected or of another shape by the file's keys", async () => {
    await save((tensors) => {
      tensors.delete("transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias");
      tensors.set("pos_embed.pos_embed", torch.zeros([1]));
      tensors.set("proj_out_1.bias", torch.zeros([3]));
    });
    await expect(DiTTransformer2DModel.fromPretrained(folder)).rejects.toThrow(
      [
        "The weights do not fit DiTTransformer2DModel; nothing was loaded.",
        "  missing (1):",
        "    transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias",
        "  unexpected (1):",
        "    pos_embed.pos_embed",
        "  of another shape (1):",
        "    proj_out_1.bias: expected [48], found [3]",
      ].join("\n"),
    );
  });
});
