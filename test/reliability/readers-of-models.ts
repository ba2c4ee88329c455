import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureStore } from "../../src/data/feature-store.ts";
import { clipScore, loadCLIP } from "../../src/evaluation/clip-score.ts";
import { RgbImage } from "../../src/images/index.ts";
import {
  AutoencoderKL,
  addAdapter,
  CLIPModel,
  loadAdapter,
  loadLoraFile,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../src/models/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { PromptPack } from "../../src/pipelines/prompts/prompt-pack.ts";
import { schedulerFromPretrained } from "../../src/schedulers/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { writeSafetensors } from "../../src/weights/index.ts";
import { spieceModel } from "../fixtures/spiece-model.ts";
import { BASE, type FuzzedReader, tinyTransformer } from "./fuzzed-reader.ts";

/** A tokenizer's folder. */
const tokenizer = (
  name: string,
  prepare: (folder: string) => Promise<readonly string[]>,
): FuzzedReader => ({
  name,
  prepare,
  read: async (folder) => {
    const read = await T5Tokenizer.fromPretrained(folder);
    read.encode(["A ball, red style ﬁ"], { maxLength: 16, padding: "max" });
  },
});

/** A part of a pipeline's folder whose `config.json` is damaged. */
const model = (
  name: string,
  subfolder: string,
  load: (folder: string) => Promise<{ dispose(): void }>,
): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    cpSync(join(BASE, subfolder), folder, { recursive: true });
    return ["config.json"];
  },
  read: async (folder) => (await load(folder)).dispose(),
});

async function writeAdapter(folder: string): Promise<void> {
  const adapter = addAdapter(tinyTransformer(), {
    peftType: "LORA",
    r: 2,
    targetModules: ["to_q", "to_k"],
  });
  await adapter.save(folder);
  adapter.remove();
}

/** An adapter on a tiny transformer, which is then as it was. */
const adapter = (name: string, targets: readonly string[]): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    await writeAdapter(folder);
    return targets;
  },
  read: async (folder) => {
    const loaded = await loadAdapter(tinyTransformer(), folder, { onWarning: () => {} });
    loaded.remove();
  },
});

const kohya: FuzzedReader = {
  name: "kohya",
  prepare: async (folder) => {
    const layer = "lora_unet_transformer_blocks_0_attn1_to_q";
    const content = new Map([
      [`${layer}.lora_down.weight`, torch.randn([2, 16])],
      [`${layer}.lora_up.weight`, torch.randn([16, 2])],
      [`${layer}.alpha`, torch.tensor(2)],
    ]);
    await writeSafetensors(join(folder, "x.safetensors"), content, {
      ss_network_dim: "2",
      lora_adapter_metadata: JSON.stringify({
        r: 2,
        lora_alpha: 2,
        target_modules: ["attn1.to_q"],
      }),
    });
    return ["x.safetensors"];
  },
  read: async (folder) => {
    const path = join(folder, "x.safetensors");
    const loaded = await loadLoraFile(tinyTransformer(), path, { onWarning: () => {} });
    loaded.remove();
  },
};

/** A tiny CLIP with its tokenizer and its preprocessor. */
const clip: FuzzedReader = {
  name: "clip",
  prepare: async (folder) => {
    const tower = {
      hiddenSize: 4,
      intermediateSize: 4,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
    };
    const textConfig = { ...tower, vocabSize: 6, maxPositionEmbeddings: 5, eosTokenId: 4 };
    const visionConfig = { ...tower, imageSize: 8, patchSize: 4 };
    const made = new CLIPModel({ textConfig, visionConfig, projectionDim: 4 });
    await made.savePretrained(folder);
    made.dispose();
    const vocab = { a: 0, "a</w>": 1, "aa</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4 };
    const json = {
      added_tokens: [{ id: 4, content: "<|endoftext|>", special: true }],
      model: { type: "BPE", vocab, merges: ["a a</w>"] },
    };
    const files = {
      "tokenizer.json": json,
      "tokenizer_config.json": { pad_token: "a" },
      "preprocessor_config.json": {
        size: { shortest_edge: 8 },
        crop_size: 8,
        image_mean: [0, 1, 0],
      },
    };
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), JSON.stringify(content));
    return ["config.json", ...Object.keys(files)];
  },
  read: async (folder) => {
    const loaded = await loadCLIP(folder);
    try {
      await clipScore(loaded, [RgbImage.filled(9, 12, [1, 2, 3])], ["a aa <|endoftext|> b"]);
    } finally {
      loaded.model.dispose();
    }
  },
};

/** Models, adapters, tokenizers and samplers. */
export const readersOfModels: readonly FuzzedReader[] = [
  tokenizer("tokenizer-json", async (folder) => {
    cpSync(join(BASE, "tokenizer"), folder, { recursive: true });
    return ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];
  }),
  tokenizer("spiece", async (folder) => {
    const pieces = [
      "<pad>",
      "</s>",
      "<unk>",
      "▁a",
      "▁ball",
      "▁",
      "b",
      "a",
      "l",
      ",",
      "r",
      "e",
      "d",
    ];
    const bytes = spieceModel({ pieces: pieces.map((piece, i) => [piece, -i]) });
    writeFileSync(join(folder, "spiece.model"), bytes);
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ extra_ids: 2 }));
    writeFileSync(join(folder, "added_tokens.json"), JSON.stringify({ "<new>": 15 }));
    return ["spiece.model", "spiece.model", "tokenizer_config.json", "added_tokens.json"];
  }),
  model("transformer-config", "transformer", (folder) =>
    PixArtTransformer2DModel.fromPretrained(folder),
  ),
  model("vae-config", "vae", (folder) => AutoencoderKL.fromPretrained(folder)),
  model("t5-config", "text_encoder", (folder) => T5EncoderModel.fromPretrained(folder)),
  clip,
  {
    name: "scheduler-config",
    prepare: async (folder) => {
      cpSync(join(BASE, "scheduler"), folder, { recursive: true });
      return ["scheduler_config.json"];
    },
    read: async (folder) => (await schedulerFromPretrained(folder)).setTimesteps(4),
  },
  {
    name: "model-index",
    prepare: async (folder) => {
      cpSync(BASE, folder, { recursive: true });
      return ["model_index.json"];
    },
    read: async (folder) => (await PixArtAlphaPipeline.fromPretrained(folder)).dispose(),
  },
  adapter("adapter-config", ["adapter_config.json"]),
  adapter("adapter-weights", ["adapter_model.safetensors"]),
  kohya,
  {
    name: "prompt-pack",
    prepare: async (folder) => {
      const pack = PromptPack.of(new Map([["a ball", torch.randn([1, 3, 4])]]), 16);
      await pack.save(join(folder, "x.safetensors"));
      pack.dispose();
      return ["x.safetensors"];
    },
    read: async (folder) => PromptPack.open(join(folder, "x.safetensors")).dispose(),
  },
  {
    name: "feature-store",
    prepare: async (folder) => {
      const store = await FeatureStore.open(join(folder, "store"), () => {});
      await store.put(new Map([["a", torch.randn([2, 3])]]));
      await store.flush();
      store.dispose();
      return readdirSync(join(folder, "store")).map((name) => join("store", name));
    },
    read: async (folder) => {
      await FeatureStore.keysIn(join(folder, "store"));
      (await FeatureStore.open(join(folder, "store"), () => {})).dispose();
    },
  },
];
