import { describe, expect, it } from "vitest";
import { construct, type Module } from "../nn/index.ts";
import {
  AutoencoderKL,
  AutoencoderTiny,
  CLIPModel,
  DiTTransformer2DModel,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  type PixArtTransformerConfig,
  T5EncoderModel,
} from "./index.ts";

const pixArt = (given: Partial<PixArtTransformerConfig>) => () =>
  new PixArtTransformer2DModel({ captionChannels: 4096, ...given });

/** Σ's models have no micro-conditions at any size. */
const sigma = (sampleSize: number, interpolationScale: number) =>
  pixArt({ sampleSize, interpolationScale, useAdditionalConditions: false });

const layers = Array.from({ length: 14 }, (_, i) => i + 14);

/** The models that the papers and their code release, with the number of their weights and tensors. */
const released: readonly (readonly [string, () => Module, weights: number, tensors: number])[] = [
  ["PixArt-α 256", pixArt({ sampleSize: 32 }), 610_856_096, 603],
  ["PixArt-α 512", pixArt({ sampleSize: 64 }), 610_856_096, 603],
  ["PixArt-α 1024-MS", pixArt({ sampleSize: 128 }), 611_349_152, 611],
  ["PixArt-Σ 256", sigma(32, 0.5), 610_856_096, 603],
  ["PixArt-Σ 512-MS", sigma(64, 1), 610_856_096, 603],
  ["PixArt-Σ 1024-MS", sigma(128, 2), 610_856_096, 603],
  ["PixArt-Σ 2K-MS", sigma(256, 4), 610_856_096, 603],
  [
    "PixArt-Σ 1024-MS with fewer keys and values",
    pixArt({
      useAdditionalConditions: false,
      kvCompressConfig: { sampling: "conv", scaleFactor: 2, kvCompressLayer: layers },
    }),
    // A 2×2 kernel, a bias and a norm's scale and shift for each channel of 14 layers.
    610_856_096 + 14 * (4 + 1 + 2) * 1152,
    603 + 14 * 4,
  ],
  [
    "PixArt-δ's adapter",
    () => new PixArtControlNetAdapterModel(),
    13 * 21_255_552 + 14 * (1152 ** 2 + 1152),
    13 * 21 + 14 * 2,
  ],
  // 28 blocks of 14 tensors (with a modulation each) round shared embedders; diffusers has a copy of those in every block.
  ["DiT-XL/2", () => new DiTTransformer2DModel(), 674_834_720, 28 * 14 + 5 + 6],
  [
    "SD's and SDXL's autoencoder",
    () => new AutoencoderKL({ blockOutChannels: [128, 256, 512, 512], layersPerBlock: 2 }),
    83_653_863,
    248,
  ],
  ["TAESD", () => new AutoencoderTiny(), 2_445_063, 134],
  ["CLIP ViT-B/32", () => new CLIPModel(), 151_277_313, 398],
  [
    "T5-v1.1-XXL's encoder",
    () =>
      new T5EncoderModel({
        dModel: 4096,
        dFf: 10_240,
        numLayers: 24,
        numHeads: 64,
        feedForwardProj: "gated-gelu",
      }),
    4_762_310_656,
    219,
  ],
];

describe("released models", () => {
  it.each(released)("%s has all its weights", (_, build, weights, tensors) => {
    const model = construct({ device: "meta" }, build);
    expect(model.numParameters()).toBe(weights);
    expect(model.stateDict().size).toBe(tensors);
  });
});
