import type { AutoencoderKL, AutoencoderTiny } from "../models/index.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { expected } from "./checks/expected.ts";
import { noiseOf, pictureLatents } from "./picture-latents.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import type { StartLatents } from "./pixart-alpha-stages.ts";
import { type ImageStart, latentMasks } from "./sizes/image-inputs.ts";

// Shapes: B pictures, C latent channels, h and w size of a latent picture.

/** Inpainting: the part of pictures that stays, put back after every step at the noise of that moment. */
export class Kept {
  readonly #original: Tensor; // (B, C, h, w)
  readonly #noise: Tensor; // (B, C, h, w)
  readonly #mask: Tensor; // (1 or B, 1, h, w), 1 where drawn anew

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
  readonly vae: AutoencoderKL | AutoencoderTiny;
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
  request: PixArtAlphaRequest,
  { vae, vaeScaleFactor, scheduler, device, dtype }: StartParts,
): Promise<StartLatents> {
  const { size, latentShape, generator, latents } = request;
  const { timesteps, order } = scheduler;
  // Whole steps, of which those of second order have two timesteps.
  const count = Math.ceil(timesteps.length / order);
  const skippedSteps = (count - Math.trunc(count * strength)) * order;
  const first = timesteps[skippedSteps];
  if (first === undefined) {
    const least = Math.ceil(1 / strength);
    throw expected(
      `at least ${least} (at strength ${strength} fewer leave no step)`,
      "numInferenceSteps",
      count,
    );
  }
  const [rows = 0] = latentShape;
  const firsts = Array.from({ length: rows }, () => first);
  using scope = torch.scope("startFromPictures");
  using original = await pictureLatents(images, request, { vae, device, dtype });
  const times = request.numImagesPerPrompt;
  const white = mask && (await latentMasks(mask, images, size, { vaeScaleFactor, times }));
  const [noise, started] = scope.run(() =>
    torch.noGrad(() => {
      const noise = (latents ?? noiseOf(generator, latentShape, dtype)).to({ device, dtype });
      return [noise, torch.keep(scheduler.addNoise(original, noise, firsts))] as const;
    }),
  );
  if (white === undefined) return { latents: started, skippedSteps, kept: undefined };
  const kept = new Kept(torch.retain(original), torch.retain(noise), white.to({ device, dtype }));
  return { latents: started, skippedSteps, kept };
}
