import type { RgbImage } from "../images/index.ts";
import { type AutoencoderKL, AutoencoderTiny } from "../models/index.ts";
import { drawNoise, type NoiseSource } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import { pictureTensor } from "./sizes/image-inputs.ts";

// Shapes: P prompts, B pictures, C latent channels, H and W size in pixels, h and w size of a latent picture.

/** Standard normal noise (B, …) as PyTorch draws it on the generators' device. */
export const noiseOf = (
  generator: NoiseSource,
  shape: readonly number[],
  dtype: torch.DType,
): Tensor => torch.tidy(() => drawNoise(torch.empty(shape, { dtype }), generator));

/** What {@link pictureLatents} works with, and of what kind its result is. */
interface LatentsOf {
  readonly vae: AutoencoderKL | AutoencoderTiny;
  readonly device: torch.Device;
  readonly dtype: torch.DType;
}

/**
 * One picture, or one a prompt, as latents (B, C, h, w) of the diffusion model: a draw from what the autoencoder makes of
 * them, as in diffusers, or the one latent that {@link AutoencoderTiny} has for each. The tensor is the caller's.
 */
export async function pictureLatents(
  images: readonly RgbImage[],
  {
    size,
    latentShape,
    generator,
    numImagesPerPrompt,
  }: Pick<PixArtAlphaRequest, "size" | "latentShape" | "generator" | "numImagesPerPrompt">,
  { vae, device, dtype }: LatentsOf,
): Promise<Tensor> {
  const [rows = 0] = latentShape;
  const times = images.length === 1 ? rows : numImagesPerPrompt;
  // A shared generator draws each given picture's latent once; with one each, every row draws its own.
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
