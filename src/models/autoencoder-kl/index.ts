export { AutoencoderKL } from "./autoencoder-kl.ts";
export type { AutoencoderKLConfig } from "./config.ts";
export { DiagonalGaussian } from "./diagonal-gaussian.ts";
export type { TilingOptions } from "./tiling.ts";
