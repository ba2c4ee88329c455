import { Conv2d, Module } from "../../nn/index.ts";
import { cat, type Tensor, tidy } from "../../torch/index.ts";
import { type AutoencoderKLConfig, type AutoencoderKLOptions, autoencoderKLConfig } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { DiagonalGaussian } from "./diagonal-gaussian.ts";
import { Encoder } from "./encoder.ts";

// Shapes: B batch, H height, W width, f = 2^(blocks − 1), h = H/f, w = W/f, Z latent channels.

/**
 * The autoencoder between pictures and the latents that a diffusion model works on (Rombach et al. 2022; diffusers
 * `AutoencoderKL`). Latents of this class are unscaled: multiply with `config.scalingFactor` before diffusion and
 * divide by it before {@link decode}.
 */
export class AutoencoderKL extends Module {
  readonly config: AutoencoderKLConfig;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly quantConv: Conv2d | undefined;
  readonly postQuantConv: Conv2d | undefined;
  #slicing = false;

  constructor(options: AutoencoderKLOptions = {}) {
    super();
    this.config = autoencoderKLConfig(options);
    const { latentChannels: z, useQuantConv, usePostQuantConv } = this.config;
    this.encoder = new Encoder(this.config);
    this.decoder = new Decoder(this.config);
    this.quantConv = useQuantConv ? new Conv2d(2 * z, 2 * z, 1) : undefined;
    this.postQuantConv = usePostQuantConv ? new Conv2d(z, z, 1) : undefined;
  }

  /** Pictures (B, 3, H, W) in [−1, 1] → the distribution of their latents (B, Z, h, w). */
  encode(images: Tensor): DiagonalGaussian {
    const moments = this.#inSlices(images, (slice) => {
      const x = this.encoder.call(slice); // (B, 2Z, h, w)
      return this.quantConv?.call(x) ?? x;
    });
    return new DiagonalGaussian(moments);
  }

  /** Latents (B, Z, h, w) → pictures (B, 3, H, W), about in [−1, 1] but not clamped. */
  decode(latents: Tensor): Tensor {
    return this.#inSlices(latents, (slice) => {
      const x = this.postQuantConv?.call(slice) ?? slice; // (B, Z, h, w)
      return this.decoder.call(x);
    });
  }

  /** Pictures through the mode of their latents and back: (B, 3, H, W) → (B, 3, H, W). */
  override forward(images: Tensor): Tensor {
    return this.decode(this.encode(images).mode());
  }

  /** Encodes and decodes a batch one item at a time, which takes less memory and more time. */
  enableSlicing(enabled = true): void {
    this.#slicing = enabled;
  }

  #inSlices(batch: Tensor, run: (slice: Tensor) => Tensor): Tensor {
    if (!this.#slicing) return tidy(() => run(batch));
    return tidy(() => cat(batch.split(1).map((slice) => tidy(() => run(slice)))));
  }
}
