import { InternalError } from "../errors/index.ts";
import type { RgbImage } from "../images/index.ts";
import { type AutoencoderKL, AutoencoderTiny } from "../models/index.ts";
import type { Module } from "../nn/index.ts";
import { drawNoise, type NoiseSource, type Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import { type ImageStart, latentMasks, pictureTensor } from "./sizes/image-inputs.ts";

// Shapes: P prompts, B pictures, C latent channels, H and W size in pixels, h and w size of a latent picture.

/** The latents that denoising starts from. */
export interface StartLatents {
  /** (B, C, h, w) */
  readonly latents: Tensor;
  /** Inpainting: the part that stays. */
  readonly kept: InpaintingMask | undefined;
}

/** The components that make latents, and the latents' device and dtype. */
interface LatentParts extends Pick<Module, "device" | "dtype"> {
  readonly vae: AutoencoderKL | AutoencoderTiny;
  /** Pixels on a side of a latent pixel. */
  readonly vaeScaleFactor: number;
  /** Its timesteps are set. */
  readonly scheduler: Scheduler;
}

/**
 * The latents that a request starts from: noise, as PyTorch draws it on the CPU, or pictures with noise. The tensors are the
 * caller's.
 */
export async function prepareLatents(
  request: PixArtAlphaRequest,
  parts: LatentParts,
): Promise<StartLatents> {
  if (request.start !== undefined) return startFromPictures(request.start, request, parts);
  const { scheduler, device, dtype } = parts;
  const latents = torch.tidy(() =>
    (request.latents ?? noiseOf(request.generator, request.latentShape, dtype))
      .to({ device, dtype })
      .mul(scheduler.initNoiseSigma),
  );
  return { latents, kept: undefined };
}

/** Standard normal noise (B, …) as PyTorch draws it on the generators' device. */
const noiseOf = (generator: NoiseSource, shape: readonly number[], dtype: torch.DType): Tensor =>
  torch.tidy(() => drawNoise(torch.empty(shape, { dtype }), generator));

/**
 * Latents of pictures, with noise for the timestep at which `strength` makes the sampler start (SDEdit, Meng et al. 2021, arXiv
 * 2108.01073; draws and timesteps as in diffusers' image-to-image pipelines).
 */
async function startFromPictures(
  { images, mask }: ImageStart,
  request: PixArtAlphaRequest,
  { vae, vaeScaleFactor, scheduler, device, dtype }: LatentParts,
): Promise<StartLatents> {
  const { size, latentShape, generator, latents, skippedTimesteps } = request;
  const [rows = 0] = latentShape;
  const first = scheduler.timesteps[skippedTimesteps];
  if (first === undefined) throw new InternalError("Expected a timestep after the skipped ones");
  const firsts = Array.from({ length: rows }, () => first);
  using scope = torch.scope("startFromPictures");
  using original = await pictureLatents(images, request, { vae, device, dtype });
  const times = request.numImagesPerPrompt;
  using white = mask && (await latentMasks(mask, images, size, { vaeScaleFactor, times }));
  const [noise, started] = scope.run(() =>
    torch.noGrad(() => {
      const noise = (latents ?? noiseOf(generator, latentShape, dtype)).to({ device, dtype });
      return [noise, torch.keep(scheduler.addNoise(original, noise, firsts))] as const;
    }),
  );
  if (white === undefined) return { latents: started, kept: undefined };
  const kept = new InpaintingMask(
    torch.retain(original),
    torch.retain(noise),
    white.to({ device, dtype, copy: true }),
  );
  return { latents: started, kept };
}

/**
 * One picture, or one per prompt, as latents (B, C, h, w) of the diffusion model: a sample from the autoencoder's distribution, as
 * in diffusers, or the single latent that {@link AutoencoderTiny} gives. The tensor is the caller's.
 */
export async function pictureLatents(
  images: readonly RgbImage[],
  {
    size,
    latentShape,
    generator,
    numImagesPerPrompt,
  }: Pick<PixArtAlphaRequest, "size" | "latentShape" | "generator" | "numImagesPerPrompt">,
  { vae, device, dtype }: Pick<LatentParts, "vae" | "device" | "dtype">,
): Promise<Tensor> {
  const [rows = 0] = latentShape;
  const times = images.length === 1 ? rows : numImagesPerPrompt;
  // A shared generator draws each given picture's latent once; with one generator per picture, every row draws its own.
  const isShared = generator instanceof torch.Generator;
  const drawnShape = isShared ? [images.length, ...latentShape.slice(1)] : latentShape;
  using pictures = await pictureTensor(images, size); // (1 or P, 3, H, W)
  return torch.noGrad(() =>
    vae.upcasted(() =>
      torch.tidy(() => {
        const input = pictures.to({ device: vae.device, dtype: vae.dtype });
        if (vae instanceof AutoencoderTiny) {
          const latents = vae.encode(input).repeatInterleave(times, 0); // (B, C, h, w)
          return vae.toDiffusion(latents).to({ device, dtype });
        }
        const { mean, logvar } = vae.encode(input); // (1 or P, C, h, w) each
        const noise = noiseOf(generator, drawnShape, vae.dtype).to({ device: vae.device });
        const std = logvar.mul(0.5).exp();
        const toRows = (x: Tensor): Tensor => x.repeatInterleave(times, 0);
        const sampled = isShared
          ? toRows(mean.add(std.mul(noise)))
          : toRows(mean).add(toRows(std).mul(noise)); // (B, C, h, w)
        return vae.toDiffusion(sampled).to({ device, dtype });
      }),
    ),
  );
}

/** Inpainting: the part of pictures that stays, put back after every step at that step's noise level. */
export class InpaintingMask {
  readonly #original: Tensor; // (B, C, h, w)
  readonly #noise: Tensor; // (B, C, h, w)
  readonly #mask: Tensor; // (1 or B, 1, h, w), 1 where redrawn

  constructor(original: Tensor, noise: Tensor, mask: Tensor) {
    this.#original = torch.keep(original);
    this.#noise = torch.keep(noise);
    this.#mask = torch.keep(mask);
  }

  /** `latents` (B, C, h, w) where the mask is white, the original elsewhere, noised if a step is still to come. */
  restore(latents: Tensor, scheduler: Scheduler, nextTimestep: number | undefined): Tensor {
    return torch.tidy(() => {
      const times = Array.from({ length: latents.size(0) }, () => nextTimestep ?? 0);
      const stays =
        nextTimestep === undefined
          ? this.#original
          : scheduler.addNoise(this.#original, this.#noise, times);
      return latents.mul(this.#mask).add(stays.mul(this.#mask.neg().add(1)));
    });
  }

  dispose(): void {
    for (const tensor of [this.#original, this.#noise, this.#mask]) tensor.dispose();
  }
}
