import { type Tensor, tensor, tidy } from "../torch/index.ts";

/** The fields of an autoencoder's configuration that scale its latents for a diffusion model. */
export interface LatentScale {
  readonly scalingFactor: number;
  readonly shiftFactor: number | null;
  /** One per latent channel. With `latentsStd` it replaces `shiftFactor`. */
  readonly latentsMean?: readonly number[] | null;
  readonly latentsStd?: readonly number[] | null;
}

const perChannel = (values: readonly number[], { dtype, device }: Tensor): Tensor =>
  tensor([...values], { dtype, device }).reshape([1, -1, 1, 1]);

/** An autoencoder's latents (B, Z, h, w) scaled for a diffusion model, with about unit variance. */
export const toDiffusion = (latents: Tensor, scale: LatentScale): Tensor =>
  tidy(() => {
    const { scalingFactor, shiftFactor, latentsMean, latentsStd } = scale;
    if (latentsMean && latentsStd) {
      const centred = latents.sub(perChannel(latentsMean, latents));
      return centred.mul(scalingFactor).div(perChannel(latentsStd, latents));
    }
    const centred = shiftFactor === null ? latents : latents.sub(shiftFactor);
    return centred.mul(scalingFactor);
  });

/** The reverse of {@link toDiffusion}: from a diffusion model to the decoder. */
export const fromDiffusion = (latents: Tensor, scale: LatentScale): Tensor =>
  tidy(() => {
    const { scalingFactor, shiftFactor, latentsMean, latentsStd } = scale;
    if (latentsMean && latentsStd) {
      const spread = latents.mul(perChannel(latentsStd, latents)).div(scalingFactor);
      return spread.add(perChannel(latentsMean, latents));
    }
    const spread = latents.div(scalingFactor);
    return shiftFactor === null ? spread : spread.add(shiftFactor);
  });
