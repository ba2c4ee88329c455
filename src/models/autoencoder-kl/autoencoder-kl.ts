import { Conv2d, Module } from "../../nn/index.ts";
import { cat, type Tensor, tidy } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { refuseUnmergedAdapters } from "../adapters/index.ts";
import { requireChannels } from "../channels.ts";
import { fromDiffusion, toDiffusion } from "../latent-scale.ts";
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
import { planTiling, runTiled, type TilePlan, type Tiling, type TilingOptions } from "./tiling.ts";

// Shapes: B batch, C picture channels, H height, W width, Z latent channels, h = H/f, w = W/f with f = 2^(blocks − 1).

/**
 * The autoencoder between pictures and the latents that a diffusion model works on (Rombach et al., 2022, arXiv 2112.10752),
 * under diffusers' names and parameter keys. Its latents are unscaled: {@link toDiffusion} scales them for a diffusion model, and
 * {@link fromDiffusion} reverses that for {@link decode}.
 */
export class AutoencoderKL extends Module {
  readonly config: AutoencoderKLConfig;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly quantConv: Conv2d | undefined;
  readonly postQuantConv: Conv2d | undefined;
  #slicing = false;
  #tiling: Tiling | undefined;

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
    requireChannels("images", images, this.config.inChannels);
    return tidy(() => {
      const moments = this.#inParts(images, this.#tiling?.encode, (part) => {
        const x = this.encoder.call(part); // (b, 2Z, h, w)
        return this.quantConv?.call(x) ?? x;
      });
      return new DiagonalGaussian(moments);
    });
  }

  /** Latents (B, Z, h, w) → pictures (B, C, H, W), about in [−1, 1] but not clamped. */
  decode(latents: Tensor): Tensor {
    requireChannels("latents", latents, this.config.latentChannels);
    return this.#inParts(latents, this.#tiling?.decode, (part) => {
      const x = this.postQuantConv?.call(part) ?? part; // (b, Z, h, w)
      return this.decoder.call(x);
    });
  }

  /** Latents (B, Z, h, w) scaled for a diffusion model by the configuration's scaling factor and shift. */
  toDiffusion(latents: Tensor): Tensor {
    return toDiffusion(latents, this.config);
  }

  /** The reverse of {@link toDiffusion}, for {@link decode}. */
  fromDiffusion(latents: Tensor): Tensor {
    return fromDiffusion(latents, this.config);
  }

  /** Pictures to the mode of their latents and back: (B, C, H, W) → (B, C, H, W). */
  override forward(images: Tensor): Tensor {
    return this.decode(this.encode(images).mode());
  }

  /** Processes the pictures of a batch one by one from now on, which takes less memory. */
  enableSlicing(enabled = true): void {
    this.#slicing = enabled;
  }

  /**
   * Processes pictures larger than a tile in tiles from now on, which takes less memory. Each tile sees less of the picture, so
   * the result differs from that of the whole.
   */
  enableTiling(options: TilingOptions = {}): void {
    const { blockOutChannels, sampleSize } = this.config;
    const { tileSampleMinSize = sampleSize, tileOverlapFactor = 0.25 } = options;
    const pixelsPerLatent = 2 ** (blockOutChannels.length - 1);
    this.#tiling = planTiling({ tileSampleMinSize, tileOverlapFactor }, pixelsPerLatent);
  }

  /** Processes pictures whole from now on. */
  disableTiling(): void {
    this.#tiling = undefined;
  }

  #inParts(batch: Tensor, plan: TilePlan | undefined, run: (part: Tensor) => Tensor): Tensor {
    const isTiled = plan !== undefined && Math.max(batch.size(2), batch.size(3)) > plan.tile;
    const runPart = (part: Tensor): Tensor => (isTiled ? runTiled(part, plan, run) : run(part));
    return tidy(() =>
      this.#slicing ? cat(batch.split(1).map((part) => tidy(() => runPart(part)))) : runPart(batch),
    );
  }

  /** Whether its activations overflow the float16 of its weights, as SDXL's do: by `force_upcast` of its file. */
  get needsUpcasting(): boolean {
    return this.config.forceUpcast && this.dtype === "float16";
  }

  /**
   * Runs `body` with the weights in float32 if {@link needsUpcasting}, and returns them to float16 after it, as
   * `StableDiffusionXLPipeline` does. `body` must pass {@link encode} and {@link decode} tensors of the dtype at that time.
   */
  upcasted<T>(body: () => T): T {
    if (!this.needsUpcasting) return body();
    this.to({ dtype: "float32" });
    try {
      return body();
    } finally {
      this.to({ dtype: "float16" });
    }
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
  ): Promise<AutoencoderKL> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      read: readAutoencoderKLConfig,
      layers: ({ blockOutChannels, layersPerBlock }) => [
        {
          field: "block_out_channels",
          says: blockOutChannels.length,
          start: "encoder.down_blocks.",
        },
        {
          field: "layers_per_block",
          says: layersPerBlock,
          start: "encoder.down_blocks.0.resnets.",
        },
      ],
      build: (config) => new AutoencoderKL(config),
      arrange: presentAttention,
    });
  }

  /** Writes configuration and weights as diffusers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writeAutoencoderKLConfig(this.config),
      tensors: this.stateDict(),
    });
  }
}
