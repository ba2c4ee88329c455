/** The random models that GPU rows measure. They are made here and not by diffusers, which a machine with a GPU may lack. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../../src/models/index.ts";
import { construct, type Module } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { writeSafetensors } from "../../src/weights/index.ts";
import { EXAMPLE } from "../models.ts";
import type { DitSize } from "./flops.ts";

/** Sides in pixels at which rows are measured. */
export type Pixels = 256 | 512 | 1024;

/** Tokens of a caption as diffusers pads it, and those of a prompt of 12 English words. */
const [PADDED, REAL] = [120, 17];

/** XL/2, and what keeps its form and is made in a moment. */
const SIZES = {
  full: { layers: 28, heads: 16, captionWidth: 4096 },
  tiny: { layers: 2, heads: 2, captionWidth: 64 },
} as const;
const HEAD_WIDTH = 72;
const [LATENT_CHANNELS, PATCH] = [4, 2];

/** Folders of models below one, each made when it is first asked for. Weights are bfloat16. */
export class RandomModels {
  readonly #folder: string;
  readonly #isTiny: boolean;
  readonly #made = new Map<string, Promise<string>>();

  constructor(folder: string, isTiny: boolean) {
    this.#folder = folder;
    this.#isTiny = isTiny;
    mkdirSync(folder, { recursive: true });
  }

  /** A transformer with the inputs of one picture with guidance. */
  transformer(pixels: Pixels): Promise<string> {
    return this.#once(`xl2-${pixels}`, async (folder) => {
      // Its weights are those for 256 px, as in the released models; 1024 px have more of them.
      if (pixels === 512) return this.#with512(folder);
      const { layers, heads, captionWidth } = this.#size;
      const config = {
        numLayers: layers,
        numAttentionHeads: heads,
        attentionHeadDim: HEAD_WIDTH,
        crossAttentionDim: heads * HEAD_WIDTH,
        captionChannels: captionWidth,
        sampleSize: pixels / 8,
      };
      await save(folder, () => new PixArtTransformer2DModel(config));
      await this.#writeInputs(folder, pixels);
    });
  }

  /** A pipeline for such pictures, with one layer of T5-XXL's encoder and a released tokenizer. */
  pipeline(pixels: Exclude<Pixels, 512>): Promise<string> {
    return this.#once(`pipeline-${pixels}`, async (folder) => {
      mkdirSync(folder);
      const parts = {
        transformer: await this.transformer(pixels),
        vae: await this.#vae(),
        text_encoder: await this.#textEncoder(),
      };
      for (const [name, place] of Object.entries(parts)) symlinkSync(place, join(folder, name));
      cpSync(join(EXAMPLE, "tokenizer"), join(folder, "tokenizer"), { recursive: true });
      cpSync(join(EXAMPLE, "model_index.json"), join(folder, "model_index.json"));
      mkdirSync(join(folder, "scheduler"));
      const scheduler = "scheduler/scheduler_config.json";
      const config = JSON.stringify({ _class_name: "DPMSolverMultistepScheduler" });
      writeFileSync(join(folder, scheduler), config);
      const latents = drawn([1, LATENT_CHANNELS, pixels / 8, pixels / 8], 5);
      await writeSafetensors(join(folder, "inputs.safetensors"), new Map([["latents", latents]]));
    });
  }

  /** The transformer's size on such pictures, for counting. */
  sizeAt(pixels: Pixels): DitSize {
    const { layers, heads, captionWidth } = this.#size;
    const width = heads * HEAD_WIDTH;
    const tokens = (pixels / 8 / PATCH) ** 2;
    return { layers, width, tokens, captionTokens: REAL, captionWidth, patch: PATCH };
  }

  get #size(): (typeof SIZES)["full" | "tiny"] {
    return SIZES[this.#isTiny ? "tiny" : "full"];
  }

  #once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
    const folder = join(this.#folder, name);
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    process.stderr.write(`Making ${name}\n`);
    const made = make(folder).then(() => folder);
    this.#made.set(name, made);
    return made;
  }

  #vae(): Promise<string> {
    const widths = this.#isTiny ? ([32, 32, 32, 32] as const) : ([128, 256, 512, 512] as const);
    const config = {
      latentChannels: LATENT_CHANNELS,
      blockOutChannels: [...widths] as [number, ...number[]],
      downBlockTypes: widths.map(() => "DownEncoderBlock2D" as const),
      upBlockTypes: widths.map(() => "UpDecoderBlock2D" as const),
      layersPerBlock: this.#isTiny ? 1 : 2,
      sampleSize: 512,
    };
    return this.#once("vae", (folder) => save(folder, () => new AutoencoderKL(config)));
  }

  #textEncoder(): Promise<string> {
    const { captionWidth: dModel } = this.#size;
    const [numHeads, dFf] = this.#isTiny ? [1, 128] : [64, 10_240];
    const config = { vocabSize: 32_128, dModel, dKv: 64, dFf, numHeads, numLayers: 1 };
    return this.#once("t5", (folder) => save(folder, () => new T5EncoderModel(config)));
  }

  async #with512(folder: string): Promise<void> {
    const like = await this.transformer(256);
    mkdirSync(folder);
    const name = "diffusion_pytorch_model.safetensors";
    symlinkSync(join(like, name), join(folder, name));
    const config = JSON.parse(readFileSync(join(like, "config.json"), "utf8")) as object;
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, sample_size: 64 }));
    await this.#writeInputs(folder, 512);
  }

  async #writeInputs(folder: string, pixels: Pixels): Promise<void> {
    const side = pixels / 8;
    const mask = torch.arange(0, PADDED).lt(REAL).to({ dtype: "int64" });
    const inputs = {
      latents: drawn([2, LATENT_CHANNELS, side, side], 2),
      caption: drawn([2, PADDED, this.#size.captionWidth], 3),
      mask: mask.unsqueeze(0).expand([2, -1]).contiguous(),
      timestep: torch.tensor([500, 500]).to({ dtype: "int64" }),
      resolution: torch.full([2, 2], pixels),
      aspect_ratio: torch.ones([2, 1]),
    };
    await writeSafetensors(join(folder, "inputs.safetensors"), new Map(Object.entries(inputs)));
  }
}

const drawn = (shape: readonly number[], seed: number): torch.Tensor =>
  torch.randn(shape, { generator: torch.generator(seed) });

async function save<M extends Module & { savePretrained(folder: string): Promise<void> }>(
  folder: string,
  build: () => M,
): Promise<void> {
  const model = construct({ generator: torch.generator(1) }, build);
  model.to({ dtype: "bfloat16" });
  await model.savePretrained(folder);
  model.dispose();
}
