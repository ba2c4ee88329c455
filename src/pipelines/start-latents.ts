import type { AutoencoderKL } from "../models/index.ts";
import { drawNoise, type NoiseSource, type Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { expected } from "./expected.ts";
import { type ImageStart, latentMask, pictureTensor } from "./image-inputs.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import type { StartLatents } from "./pixart-alpha-stages.ts";

// Shapes: P prompts, B pictures, C latent channels, h and w size of a latent picture.

/** Standard normal noise (B, …) as PyTorch draws it on the generators' device. */
export const noiseOf = (
  generator: NoiseSource,
  shape: readonly number[],
  dtype: torch.DType,
): Tensor => torch.tidy(() => drawNoise(torch.empty(shape, { dtype }), generator));

/** Inpainting: the part of pictures that stays, put back after every step at the noise of that moment. */
export class Kept {
  readonly #original: Tensor; // (B, C, h, w)
  readonly #noise: Tensor; // (B, C, h, w)
  readonly #mask: Tensor; // (1, 1, h, w), 1 where drawn anew

  constructor(original: Tensor, noise: Tensor, mask: Tensor) {
    this.#original = torch.keep(original);
    this.#noise = torch.keep(noise);
    this.#mask = torch.keep(mask);
  }

  /** `latents` (B, C, h, w) where the mask is white, elsewhere the original, with noise where a step is still to come. */
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

/** What {@link startFromPictures} works with. */
interface StartParts {
  readonly vae: AutoencoderKL;
  readonly vaeScaleFactor: number;
  /** With its timesteps set. */
  readonly scheduler: Scheduler;
  readonly device: torch.Device;
  readonly dtype: torch.DType;
}

/**
 * Latents of pictures with the noise of the timestep at which `strength` lets the sampler begin (SDEdit, Meng et al.
 * 2021, arXiv 2108.01073; draws and timesteps as in diffusers' image-to-image pipelines).
 */
export async function startFromPictures(
  { images, strength, mask }: ImageStart,
  { size, latentShape, generator, latents, numImagesPerPrompt }: PixArtAlphaRequest,
  { vae, vaeScaleFactor, scheduler, device, dtype }: StartParts,
): Promise<StartLatents> {
  const { timesteps } = scheduler;
  const taken = Math.min(Math.trunc(timesteps.length * strength), timesteps.length);
  const skippedSteps = timesteps.length - taken;
  const first = timesteps[skippedSteps];
  if (first === undefined) {
    const least = Math.ceil(1 / strength);
    throw expected(
      `at least ${least} (at strength ${strength} fewer leave no step)`,
      "numInferenceSteps",
      timesteps.length,
    );
  }
  const [rows = 0] = latentShape;
  using scope = torch.scope("startFromPictures");
  const pictures = await pictureTensor(images, size);
  const white = mask && (await latentMask(mask, size, vaeScaleFactor));
  const [original, noise] = scope.run(() =>
    torch.noGrad(() => {
      const input = pictures.to({ device: vae.device, dtype: vae.dtype }); // (1 or P, 3, H, W)
      const distribution = vae.encode(input);
      const times = images.length === 1 ? rows : numImagesPerPrompt;
      // A shared generator draws each given picture's latent once; with one each, every row draws its own.
      const isShared = generator instanceof torch.Generator;
      const drawnShape = isShared ? [images.length, ...latentShape.slice(1)] : latentShape;
      const posterior = noiseOf(generator, drawnShape, vae.dtype).to({ device: vae.device });
      const toRows = (x: Tensor): Tensor => x.repeatInterleave(times, 0);
      const { mean, logvar } = distribution; // (1 or P, C, h, w) each
      const std = logvar.mul(0.5).exp();
      const sampled = isShared
        ? toRows(mean.add(std.mul(posterior)))
        : toRows(mean).add(toRows(std).mul(posterior)); // (B, C, h, w)
      const drawn = sampled.mul(vae.config.scalingFactor);
      const noise = (latents ?? noiseOf(generator, latentShape, dtype)).to({ device, dtype });
      return [drawn.to({ device, dtype }), noise] as const;
    }),
  );
  pictures.dispose();
  const started = torch.keep(
    scope.run(() =>
      scheduler.addNoise(
        original,
        noise,
        Array.from({ length: rows }, () => first),
      ),
    ),
  );
  if (white === undefined) return { latents: started, skippedSteps, kept: undefined };
  const kept = new Kept(torch.retain(original), torch.retain(noise), white.to({ device, dtype }));
  return { latents: started, skippedSteps, kept };
}
