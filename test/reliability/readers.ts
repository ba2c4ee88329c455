import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp from "sharp";
import { recordToRepeat } from "../../src/cli/draw-jobs.ts";
import { configFromJson, configToJson } from "../../src/config/index.ts";
import { CaptionJournal } from "../../src/curation/caption-journal.ts";
import { FeatureStore } from "../../src/data/feature-store.ts";
import { readCaptionFeature, readLatentFeature } from "../../src/data/pixart-features.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { parseTree } from "../../src/hub/tree-file.ts";
import { RgbImage } from "../../src/images/index.ts";
import { embedMetadata } from "../../src/images/picture-metadata.ts";
import {
  AutoencoderKL,
  addAdapter,
  loadAdapter,
  loadLoraFile,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../src/models/index.ts";
import { construct } from "../../src/nn/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { PromptPack } from "../../src/pipelines/prompt-pack.ts";
import { schedulerFromPretrained } from "../../src/schedulers/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { parseManifest } from "../../src/training/checkpoint-manifest.ts";
import { readEvents } from "../../src/training/event-log.ts";
import { PictureContents } from "../../src/training/picture-contents.ts";
import { readPictureLosses } from "../../src/training/picture-losses-file.ts";
import { readRunConfig } from "../../src/training/run-folder.ts";
import { isLockHeld } from "../../src/training/run-lock.ts";
import { openWeightsFile, writeSafetensors, writeTorchFile } from "../../src/weights/index.ts";
import { runPython } from "../faults/python.ts";
import { npyBytes, zipBytes } from "../fixtures/numpy-files.ts";
import { spieceModel } from "../fixtures/spiece-model.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

/** Something that reads files which come from elsewhere. */
export interface FuzzedReader {
  readonly name: string;
  /** Writes what it reads, intact, and gives the paths, below the folder, that are to be damaged. */
  prepare(folder: string): Promise<readonly string[]>;
  /** Whether it is refused even where it is intact. */
  readonly isRefused?: boolean;
  /** What a damaged file becomes before it is written: for formats that guard themselves by a checksum. */
  readonly seal?: (damaged: Buffer, folder: string) => Buffer;
  /** Reads all of it, to the end. */
  read(folder: string): Promise<void>;
}

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const MMENGINE = fileURLToPath(new URL("../faults/golden/mmengine-0.10.7.pth", import.meta.url));
const TINY = {
  numAttentionHeads: 2,
  attentionHeadDim: 8,
  inChannels: 4,
  outChannels: 8,
  numLayers: 1,
  sampleSize: 4,
  crossAttentionDim: 16,
  captionChannels: 12,
} as const;

const tensors = (): Map<string, torch.Tensor> =>
  new Map([
    ["layer.0.weight", torch.randn([3, 4])],
    ["layer.0.bias", torch.zeros([4], { dtype: "bfloat16" })],
    ["steps", torch.ones([2], { dtype: "int64" })],
  ]);

/** Opens a file of weights and reads every tensor. */
function readWeights(path: string): void {
  using file = openWeightsFile(path);
  for (const name of file.tensors.keys()) file.tensor(name).dispose();
}

/** A reader of one file of weights. */
const weights = (
  name: string,
  file: string,
  write: (path: string) => Promise<void> | void,
): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    await write(join(folder, file));
    return [file];
  },
  read: async (folder) => readWeights(join(folder, file)),
});

/** A reader of a data set: all of its entries, and all pictures that it keeps itself. */
const dataset = (
  name: string,
  prepare: (folder: string) => Promise<readonly string[]>,
): FuzzedReader => ({
  name,
  prepare,
  read: async (folder) => {
    const { entries } = await readDataset(join(folder, "data"));
    for (const entry of entries.slice(0, 4)) await entry.read();
  },
});

async function writeFolder(folder: string): Promise<string> {
  const data = join(folder, "data");
  await writeTinyDataset(data, 8);
  return data;
}

async function writeLayout(
  folder: string,
  to: "parquet" | "webdataset" | "pixart-json" | "csv" | "captions",
): Promise<string> {
  const source = join(folder, "source");
  await writeTinyDataset(source, 8);
  await convertDataset(source, join(folder, "data"), { to });
  return join(folder, "data");
}

/** The files of a folder that a layout is kept in. */
const listed = (folder: string, pattern: RegExp): string[] => {
  const names = readdirSync(join(folder, "data"), { recursive: true }).map(String);
  return names.filter((name) => pattern.test(name)).map((name) => join("data", name));
};

const PIXELS = RgbImage.filled(24, 16, [10, 120, 200]);

/** A picture of one format. */
const picture = (format: "png" | "jpeg" | "webp" | "avif"): FuzzedReader => ({
  name: format,
  prepare: async (folder) => {
    const noise = Buffer.from(PIXELS.data.map((value, i) => (value + i * 37) % 256));
    const raw = { width: PIXELS.width, height: PIXELS.height, channels: 3 } as const;
    writeFileSync(join(folder, "x"), await sharp(noise, { raw }).toFormat(format).toBuffer());
    return ["x"];
  },
  read: async (folder) => void (await RgbImage.decode(join(folder, "x"))),
});

/** What a PNG says of itself: the text of its chunks, which stand under a checksum and are put together anew. */
const record: FuzzedReader = {
  name: "png-record",
  prepare: async (folder) => {
    const metadata = {
      prompt: "a ball",
      negativePrompt: "",
      steps: 4,
      sampler: "DPMSolverMultistepScheduler",
      guidanceScale: 4.5,
      seed: 7,
      width: 24,
      height: 16,
      model: "emoji-demo",
      modelHash: "0123456789",
      extra: { cleanCaption: true, maxSequenceLength: 64, timesteps: [999, 500] },
    };
    const png = embedMetadata(await PIXELS.encodePng(), metadata);
    return extractChunks(png).flatMap(({ name, data }, i) => {
      writeFileSync(join(folder, `${i}-${name}`), data);
      return name === "tEXt" ? [`${i}-${name}`] : [];
    });
  },
  read: async (folder) => {
    const files = readdirSync(folder).filter((file) => /^\d+-/.test(file));
    const chunks = files
      .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((file) => ({ name: file.split("-")[1] ?? "", data: readFileSync(join(folder, file)) }));
    writeFileSync(join(folder, "x.png"), encodeChunks(chunks));
    await recordToRepeat(join(folder, "x.png"));
  },
};

/** A tokenizer's folder. */
const tokenizer = (
  name: string,
  prepare: (folder: string) => Promise<readonly string[]>,
): FuzzedReader => ({
  name,
  prepare,
  read: async (folder) => {
    const read = await T5Tokenizer.fromPretrained(folder);
    read.encode(["A ball, red style ﬁ"], { maxLength: 16, padding: "max", truncation: true });
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

let transformer: PixArtTransformer2DModel | undefined;
/** The model that adapters are put on, made once. */
const tinyTransformer = (): PixArtTransformer2DModel => {
  transformer ??= construct(
    { generator: torch.generator(1) },
    () => new PixArtTransformer2DModel(TINY),
  );
  return transformer;
};

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

const manifest: FuzzedReader = {
  name: "manifest",
  prepare: async (folder) => {
    cpSync(
      fileURLToPath(new URL("../faults/golden/version-1/step-00000007", import.meta.url)),
      folder,
      { recursive: true },
    );
    return ["manifest.json"];
  },
  // With the hash of the damaged text, so that what stands behind the hash is reached.
  seal: (damaged) => {
    const [body = ""] = damaged.toString().split(/,\n {2}"sha256": "/);
    const sha256 = createHash("sha256").update(body).digest("hex");
    return Buffer.from(`${body},\n  "sha256": "${sha256}"\n}\n`);
  },
  read: async (folder) => {
    const path = join(folder, "manifest.json");
    parseManifest(path, readFileSync(path, "utf8"));
  },
};

/** A file of text that one function reads. */
const text = (
  name: string,
  file: string,
  content: string | (() => string),
  read: (path: string, folder: string) => Promise<void> | void,
): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(join(folder, file), typeof content === "string" ? content : content());
    return [file];
  },
  read: async (folder) => read(join(folder, file), folder),
});

const lines = (...values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

const time = "2026-01-02T03:04:05.678Z";

const readText = (path: string): string => readFileSync(path, "utf8");

const RECIPE = {
  dataset: { folder: "data" },
  autoencoder: { pretrained: "m", subfolder: "vae" },
  transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
  stages: [
    {
      kind: "text-to-image",
      name: "a",
      resolution: 16,
      batchSize: 2,
      steps: 30,
      optimizer: { lr: 1e-3 },
    },
  ],
  sampling: { prompts: ["a ball"], steps: 1 },
} as const;

/** All readers of files that come from elsewhere, or lie where others write. */
export const readers: readonly FuzzedReader[] = [
  weights("safetensors", "x.safetensors", (path) => writeSafetensors(path, tensors(), { a: "b" })),
  weights("pth-zip", "x.pth", (path) => {
    const bytes = (): Uint8Array => new Uint8Array(12);
    return writeTorchFile(path, new Map([["w", { dtype: "uint8", shape: [3, 4], bytes }]]));
  }),
  weights("pth-mmengine", "x.pth", (path) => cpSync(MMENGINE, path)),
  {
    ...weights("pth-legacy", "x.pth", (path) => {
      runPython("../reliability/write_legacy_checkpoint.py", path);
    }),
    isRefused: true,
  },
  {
    name: "shard-index",
    prepare: async (folder) => {
      await tinyTransformer().savePretrained(folder);
      const name = "diffusion_pytorch_model-00001-of-00001.safetensors";
      renameSync(join(folder, "diffusion_pytorch_model.safetensors"), join(folder, name));
      const keys = [...tinyTransformer().stateDict().keys()];
      const index = {
        metadata: { total_size: 1 },
        weight_map: Object.fromEntries(keys.map((key) => [key, name])),
      };
      const file = "diffusion_pytorch_model.safetensors.index.json";
      writeFileSync(join(folder, file), JSON.stringify(index, undefined, 2));
      return [file];
    },
    read: async (folder) => (await PixArtTransformer2DModel.fromPretrained(folder)).dispose(),
  },
  {
    name: "npz",
    prepare: async (folder) => {
      const bytes = new Uint8Array(1 * 4 * 3 * 4);
      const states = npyBytes({ dtype: "float32", shape: [1, 4, 3], bytes });
      const mask = npyBytes({
        dtype: "int64",
        shape: [1, 4],
        bytes: new Uint8Array(32).fill(1, 0, 1),
      });
      writeFileSync(
        join(folder, "x.npz"),
        zipBytes({ "caption_feature.npy": states, "attention_mask.npy": mask }),
      );
      return ["x.npz"];
    },
    read: async (folder) => {
      const shape = { width: 3, tokens: 1, dtype: "float32" } as const;
      readCaptionFeature(join(folder, "x.npz"), shape).dispose();
    },
  },
  {
    name: "npy",
    prepare: async (folder) => {
      const bytes = new Uint8Array(8 * 2 * 2 * 4);
      writeFileSync(join(folder, "x.npy"), npyBytes({ dtype: "float32", shape: [8, 2, 2], bytes }));
      return ["x.npy"];
    },
    read: async (folder) => {
      const shape = { shape: [4, 2, 2], dtype: "float32" } as const;
      for (const tensor of readLatentFeature(join(folder, "x.npy"), shape)) tensor.dispose();
    },
  },
  dataset("jsonl", async (folder) => {
    await writeFolder(folder);
    return ["data/metadata.jsonl"];
  }),
  dataset("csv", async (folder) => {
    await writeLayout(folder, "csv");
    return listed(folder, /metadata\.csv$/);
  }),
  dataset("captions-json", async (folder) => {
    await writeLayout(folder, "captions");
    return listed(folder, /captions\.(json|txt)$/);
  }),
  dataset("parquet", async (folder) => {
    await writeLayout(folder, "parquet");
    return listed(folder, /\.parquet$/);
  }),
  dataset("tar", async (folder) => {
    await writeLayout(folder, "webdataset");
    return listed(folder, /\.tar$/);
  }),
  dataset("tar-gz", async (folder) => {
    await writeLayout(folder, "webdataset");
    const [tar = ""] = listed(folder, /\.tar$/);
    writeFileSync(join(folder, "data", "x.tar.gz"), gzipSync(readFileSync(join(folder, tar))));
    rmSync(join(folder, tar));
    return ["data/x.tar.gz"];
  }),
  dataset("pixart-json", async (folder) => {
    await writeLayout(folder, "pixart-json");
    return listed(folder, /\.json$/);
  }),
  picture("png"),
  picture("jpeg"),
  picture("webp"),
  picture("avif"),
  record,
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
  manifest,
  text(
    "events",
    "events.jsonl",
    lines(
      { type: "checkpoint", time, stage: "a", step: 1, path: "x" },
      {
        ...{ type: "step", time, stage: "a", step: 1, loss: 0.5, lossParts: { mse: 0.5 } },
        ...{ gradNorm: 1, seconds: { forward: 0.1 } },
      },
      { type: "validation", time, stage: "a", step: 1, losses: { heldout: 0.5 }, bands: {} },
      { type: "resume", time, stage: "a", step: 1 },
    ),
    (path) => void readEvents(path),
  ),
  text(
    "picture-losses",
    "losses/a.jsonl",
    lines({ stage: "a", step: 2, since: 0 }, { file: "x.png", seen: 1, loss: 0.5 }),
    (_, folder) => void readPictureLosses(folder, "a"),
  ),
  text(
    "known-pictures",
    "data/known.jsonl",
    lines(["/data/x.png", "1-2-3-4", "0".repeat(32)]),
    (path) => new PictureContents().recall(path),
  ),
  text(
    "caption-journal",
    "journal.jsonl",
    lines(
      { file: "x.png", caption: "a ball", cut: false, model: "m", prompt: "p" },
      { file: "y.png", caption: "a box", cut: false, model: "m", prompt: "p" },
    ),
    async (path) => {
      using _ = await CaptionJournal.open(path, { model: "m", prompt: "p" });
    },
  ),
  text(
    "run-lock",
    "run.lock",
    lines({ pid: 999_999, host: "elsewhere", started: null, since: time }),
    (path) => void isLockHeld(path),
  ),
  text(
    "hub-tree",
    "tree.json",
    JSON.stringify({
      format_version: 1,
      files: {
        "a/b.json": { size: 3, blob_id: "0".repeat(40), lfs_sha256: "1".repeat(64), lfs_size: 4 },
      },
    }),
    (path) => void parseTree(readText(path)),
  ),
  text("recipe", "recipe.json", JSON.stringify(RECIPE), (path) => {
    configFromJson(readText(path), path);
  }),
  text(
    "run-config",
    "config.json",
    () => configToJson(configFromJson(JSON.stringify(RECIPE), "recipe")),
    (_, folder) => void readRunConfig(folder),
  ),
];
