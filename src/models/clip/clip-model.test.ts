import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { readSafetensors, writeSafetensors } from "../../weights/index.ts";
import { CLIPModel } from "./clip-model.ts";
import type { GivenCLIPConfig } from "./config.ts";

const tower = { hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2, numAttentionHeads: 2 };
const small: GivenCLIPConfig = {
  textConfig: { ...tower, vocabSize: 30, maxPositionEmbeddings: 6, eosTokenId: 20 },
  visionConfig: { ...tower, imageSize: 8, patchSize: 4 },
  projectionDim: 12,
};

const build = (): CLIPModel =>
  construct({ generator: torch.generator(0) }, () => new CLIPModel(small));

const ints = (rows: number[][]): torch.Tensor => torch.tensor(rows, { dtype: "int64" });

describe("CLIPModel", () => {
  it("does not let what comes after a text's end into its features", () => {
    const model = build();
    const features = (...ids: number[]): torch.Tensor => model.textFeatures(ints([ids]));
    const short = features(3, 25, 20);
    expect(features(3, 25, 20, 0, 29, 20).allclose(short, 1e-5, 1e-5)).toBe(true);
    expect(features(3, 24, 20).allclose(short, 1e-5, 1e-5)).toBe(false);
    expect(features(3, 25, 4, 20).allclose(short, 1e-5, 1e-5)).toBe(false);
  });

  it("frees all but what it returns", () => {
    const model = build();
    const ids = ints([[3, 20]]);
    const pixels = torch.randn([2, 3, 8, 8], { generator: torch.generator(1) });
    collectGarbage();
    const before = torch.memory().tensors;
    const { logitsPerImage } = model.call(ids, pixels);
    expect(logitsPerImage.shape).toEqual([2, 1]);
    expect(torch.memory().tensors).toBe(before + 3);
  });

  it("refuses texts and pictures of other sizes", () => {
    const model = build();
    expect(() => model.textFeatures(ints([[1, 2, 3, 4, 5, 6, 7]]))).toThrow(
      "Expected at most 6 tokens per text for inputIds but received 7",
    );
    expect(() => model.imageFeatures(torch.zeros([1, 3, 8, 12]))).toThrow(
      "Expected pictures of [3, 8, 8] for pixelValues but received [3, 8, 12]",
    );
  });
});

describe("CLIPModel.fromPretrained", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixart-clip-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A saved model with tensors changed. */
  async function saved(name: string, change: (tensors: Map<string, torch.Tensor>) => void) {
    const path = join(folder, name);
    await build().savePretrained(path);
    const weights = join(path, "model.safetensors");
    const file = readSafetensors(weights);
    const tensors = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
    change(tensors);
    await writeSafetensors(weights, tensors);
    return path;
  }

  it("passes over the numbers of positions that older files hold", async () => {
    const path = await saved("older", (tensors) => {
      tensors.set("text_model.embeddings.position_ids", ints([[0, 1, 2, 3, 4, 5]]));
      tensors.set("vision_model.embeddings.position_ids", ints([[0, 1, 2, 3, 4]]));
    });
    const [model, ids] = [await CLIPModel.fromPretrained(path), ints([[7, 20]])];
    expect(model.textFeatures(ids).equal(build().textFeatures(ids))).toBe(true);
  });

  it("lists missing, unexpected and mis-shaped weights together", async () => {
    const path = await saved("wrong", (tensors) => {
      tensors.delete("logit_scale");
      tensors.set("extra", ints([[1]]));
      tensors.set("text_projection.weight", torch.zeros([12, 15]));
    });
    await expect(CLIPModel.fromPretrained(path)).rejects.toThrow(
      /do not fit CLIPModel.*missing \(1\):\s+logit_scale.*unexpected \(1\):\s+extra.*text_projection\.weight: expected \[12, 16\], found \[12, 15\]/s,
    );
  });

  it("compares the number of layers before anything is built", async () => {
    const path = await saved("fewer", (tensors) => {
      for (const key of tensors.keys())
        if (key.startsWith("vision_model.encoder.layers.1.")) tensors.delete(key);
    });
    await expect(CLIPModel.fromPretrained(path)).rejects.toThrow(
      /config\.json: vision_config\.num_hidden_layers: expected the 1 that the weights contain \(vision_model\.encoder\.layers\.\*\) but found 2/,
    );
  });
});
