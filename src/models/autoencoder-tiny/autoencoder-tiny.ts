import { Module } from "../../nn/index.ts";
import { type Tensor, tidy } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { refuseUnmergedAdapters } from "../adapters/index.ts";
import { requireChannels } from "../channels.ts";
import { fromDiffusion, toDiffusion } from "../latent-scale.ts";
import { loadPretrained, type PretrainedOptions } from "../pretrained.ts";
import {
  type AutoencoderTinyConfig,
  autoencoderTinyConfig,
  readAutoencoderTinyConfig,
  writeAutoencoderTinyConfig,
} from "./config.ts";
import { DecoderTiny } from "./decoder.ts";
import { EncoderTiny } from "./encoder.ts";

// Shapes: B batch, C picture channels, H height, W width, Z latent channels, h = H/f, w = W/f with f = 2^(levels − 1).

/**
 * TAESD (madebyollin/taesd), a small and fast replacement for {@link AutoencoderKL} that works directly on the diffusion model's
 * latents, under diffusers' names and parameter keys.
 */
export class AutoencoderTiny extends Module {
  readonly config: AutoencoderTinyConfig;
  readonly encoder: EncoderTiny;
  readonly decoder: DecoderTiny;

  constructor(given: Partial<AutoencoderTinyConfig> = {}) {
    super();
    const config = autoencoderTinyConfig(given);
    this.config = config;
    this.encoder = new EncoderTiny(config);
    this.decoder = new DecoderTiny(config);
  }

  /** Pictures (B, C, H, W) in [−1, 1] → latents (B, Z, h, w); a single value, not a distribution. */
  encode(images: Tensor): Tensor {
    requireChannels("images", images, this.config.inChannels);
    return this.encoder.call(images);
  }

  /** Latents (B, Z, h, w) → pictures (B, C, H, W), about in [−1, 1] but not clamped. */
  decode(latents: Tensor): Tensor {
    requireChannels("latents", latents, this.config.latentChannels);
    return this.decoder.call(latents);
  }

  /** Latents (B, Z, h, w) scaled for a diffusion model: TAESD's own, with its scaling factor of 1. */
  toDiffusion(latents: Tensor): Tensor {
    return toDiffusion(latents, this.config);
  }

  /** The reverse of {@link toDiffusion}, for {@link decode}. */
  fromDiffusion(latents: Tensor): Tensor {
    return fromDiffusion(latents, this.config);
  }

  /** Runs `body` unchanged: TAESD is safe in float16, where {@link AutoencoderKL.upcasted} may need float32. */
  upcasted<T>(body: () => T): T {
    return body();
  }

  /** Latents in [−latentMagnitude, latentMagnitude] → [0, 1], clamped: for storage as an 8-bit picture. */
  scaleLatents(latents: Tensor): Tensor {
    const { latentMagnitude, latentShift } = this.config;
    return tidy(() =>
      latents
        .div(2 * latentMagnitude)
        .add(latentShift)
        .clamp({ min: 0, max: 1 }),
    );
  }

  /** The reverse of {@link scaleLatents}: [0, 1] → latents. */
  unscaleLatents(scaled: Tensor): Tensor {
    const { latentMagnitude, latentShift } = this.config;
    return tidy(() => scaled.sub(latentShift).mul(2 * latentMagnitude));
  }

  /** Pictures to latents, stored in 8 bits, and back: (B, C, H, W) → (B, C, H, W). No gradient passes through the rounding. */
  override forward(images: Tensor): Tensor {
    const stored = this.scaleLatents(this.encode(images)).mul(255).round();
    return this.decode(this.unscaleLatents(stored.div(255)));
  }

  /**
   * Loads an autoencoder that diffusers or {@link savePretrained} wrote.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(
    folder: string,
    options: PretrainedOptions = {},
  ): Promise<AutoencoderTiny> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      read: readAutoencoderTinyConfig,
      layers: () => [], // a number alone does not say which layer is a block
      build: (config) => new AutoencoderTiny(config),
    });
  }

  /** Writes configuration and weights as diffusers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writeAutoencoderTinyConfig(this.config),
      tensors: this.stateDict(),
    });
  }
}
