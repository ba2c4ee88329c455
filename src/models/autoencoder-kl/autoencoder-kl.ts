import { Conv2d, Module } from "../../nn/index.ts";
import { cat, type Tensor, tidy } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { loadPretrained, type PretrainedOptions } from "../pretrained.ts";
import {
  type AutoencoderKLConfig,
  autoencoderKLConfig,
  readAutoencoderKLConfig,
  writeAutoencoderKLConfig,
} from "./config.ts";
import { Decoder } from "./decoder.ts";
import { DiagonalGaussian } from "./diagonal-gaussian.ts";
import { Encoder } from "./encoder.ts";
import { presentAttention } from "./present-attention.ts";

// Shapes: B batch, C picture channels, H height, W width, Z latent channels, h = H/f, w = W/f with f = 2^(blocks − 1).

/**
 * The autoencoder between pictures and the latents that a diffusion model works on (Rombach et al., 2022, arXiv
 * 2112.10752), under diffusers' names and parameter keys. Its latents are unscaled: multiply them with
 * `config.scalingFactor` before diffusion, and divide by it before {@link decode}.
 */
export class AutoencoderKL extends Module {
  readonly config: AutoencoderKLConfig;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly quantConv: Conv2d | undefined;
  readonly postQuantConv: Conv2d | undefined;
  #slicing = false;

  constructor(given: Partial<AutoencoderKLConfig> = {}) {
    super();
    const config = autoencoderKLConfig(given);
    const { latentChannels, useQuantConv, usePostQuantConv } = config;
    const moments = 2 * latentChannels;
    this.config = config;
    this.encoder = new Encoder(config);
    this.decoder = new Decoder(config);
    this.quantConv = useQuantConv ? new Conv2d(moments, moments, 1) : undefined;
    this.postQuantConv = usePostQuantConv
      ? new Conv2d(latentChannels, latentChannels, 1)
      : undefined;
  }

  /** Pictures (B, C, H, W) in [−1, 1] → the distribution of their latents (B, Z, h, w). */
  encode(images: Tensor): DiagonalGaussian {
    checkChannels("images", images, this.config.inChannels);
    return tidy(() => {
      const moments = this.#slice(images, (part) => {
        const x = this.encoder.call(part); // (b, 2Z, h, w)
        return this.quantConv?.call(x) ?? x;
      });
      return new DiagonalGaussian(moments);
    });
  }

  /** Latents (B, Z, h, w) → pictures (B, C, H, W), about in [−1, 1] but not clamped. */
  decode(latents: Tensor): Tensor {
    checkChannels("latents", latents, this.config.latentChannels);
    return this.#slice(latents, (part) => {
      const x = this.postQuantConv?.call(part) ?? part; // (b, Z, h, w)
      return this.decoder.call(x);
    });
  }

  /** Pictures to the mode of their latents and back: (B, C, H, W) → (B, C, H, W). */
  override forward(images: Tensor): Tensor {
    return this.decode(this.encode(images).mode());
  }

  /** From now on takes the pictures of a batch one by one, in less memory. */
  enableSlicing(enabled = true): void {
    this.#slicing = enabled;
  }

  #slice(batch: Tensor, run: (part: Tensor) => Tensor): Tensor {
    return tidy(() =>
      this.#slicing ? cat(batch.split(1).map((part) => tidy(() => run(part)))) : run(batch),
    );
  }

  /** Loads an autoencoder that diffusers or {@link savePretrained} wrote. Throws as `loadPretrained` says. */
  static async fromPretrained(
    folder: string,
    options: PretrainedOptions = {},
  ): Promise<AutoencoderKL> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      build: (config, path) => new AutoencoderKL(readAutoencoderKLConfig(config, path)),
      arrange: presentAttention,
    });
  }

  /** Writes configuration and weights as diffusers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writeAutoencoderKLConfig(this.config),
      tensors: this.stateDict(),
    });
  }
}

function checkChannels(name: string, { shape }: Tensor, channels: number): void {
  if (shape.length === 4 && shape[1] === channels) return;
  throw new Error(
    `Expected a tensor [batch, ${channels}, height, width] for ${name} but received [${shape.join(", ")}]`,
  );
}
