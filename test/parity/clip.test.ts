import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CLIPModel } from "../../src/models/clip/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose } from "./compare.ts";
import { expectReloaded, madeCases } from "./made-cases.ts";

const script = fileURLToPath(new URL("clip.py", import.meta.url));

const text = {
  vocab_size: 60,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 12,
};
const vision = {
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  image_size: 20,
  patch_size: 6,
};

const cases = [
  {
    name: "the end's own id, amid others",
    config: {
      text_config: { ...text, eos_token_id: 31, bos_token_id: 30 },
      vision_config: vision,
      projection_dim: 16,
    },
  },
  {
    name: "the end of older files, the exact GELU",
    config: {
      text_config: {
        ...text,
        eos_token_id: 2,
        bos_token_id: 0,
        hidden_act: "gelu",
        layer_norm_eps: 1e-3,
      },
      vision_config: { ...vision, hidden_act: "gelu", layer_norm_eps: 1e-3, num_channels: 4 },
      projection_dim: 20,
      logit_scale_init_value: 1.5,
    },
  },
].map((one, seed) => ({ ...one, seed }));

const folderOf = madeCases(script, cases);

const configIn = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));

describe.each(cases)("CLIPModel against transformers: $name", ({ name }) => {
  it("has the same features, of texts and of pictures, and the same scores", async () => {
    const model = await CLIPModel.fromPretrained(folderOf(name));
    const io = readSafetensors(join(folderOf(name), "io.safetensors"));
    const [ids, pixels] = [io.tensor("ids"), io.tensor("pixels")];
    for (const draw of [torch.noGrad, <T>(body: () => T): T => body()]) {
      draw(() => {
        expectClose(model.textFeatures(ids), io.tensor("text_features"), "texts");
        expectClose(model.imageFeatures(pixels), io.tensor("image_features"), "pictures");
        const { textEmbeds, imageEmbeds, logitsPerImage } = model.call(ids, pixels);
        expectClose(textEmbeds, io.tensor("text_embeds"));
        expectClose(imageEmbeds, io.tensor("image_embeds"));
        expectClose(logitsPerImage, io.tensor("logits"));
      });
    }
  });

  it("reads the fields of older files, which hold them twice", async () => {
    const folder = folderOf(name);
    const config = configIn(folder);
    const { text_config: wanted, vision_config: seen } = config;
    const older = {
      ...config,
      text_config: { ...(wanted as object), num_hidden_layers: 9 },
      text_config_dict: wanted,
      vision_config: undefined,
      vision_config_dict: seen,
    };
    const { config: known } = await CLIPModel.fromPretrained(folder);
    writeFileSync(join(folder, "config.json"), JSON.stringify(older));
    try {
      const model = await CLIPModel.fromPretrained(folder);
      expect(model.config).toEqual(known);
    } finally {
      writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    }
  });
});

describe("what savePretrained writes", () => {
  it("is loaded by transformers without a word and gives the same output", async () => {
    for (const { name } of cases) {
      const model = await CLIPModel.fromPretrained(folderOf(name));
      await model.savePretrained(join(folderOf(name), "ours"));
    }
    const folders = cases.map(({ name }) => folderOf(name));
    await expectReloaded(script, folders);
    for (const folder of folders) {
      const [ours, theirs] = [join(folder, "ours"), folder].map((one) => {
        const file = readSafetensors(join(one, "model.safetensors"));
        const specs = [...file.tensors].map(([key, { dtype, shape }]) => ({ key, dtype, shape }));
        return specs.toSorted((a, b) => (a.key < b.key ? -1 : 1));
      });
      expect(ours).toEqual(theirs);
    }
  });
});
