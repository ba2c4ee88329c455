import { type Generator, randn, type Tensor, tidy } from "../../torch/index.ts";

/** Log variances are kept in this range, as in Latent Diffusion, so that exp() stays finite. */
const logvarRange = { min: -30, max: 20 };

/**
 * The normal distribution of a latent, independent in every element: `mean` and `logvar`, each (B, Z, h, w).
 * Made from an encoder's moments (B, 2Z, h, w) (diffusers `DiagonalGaussianDistribution`).
 */
export class DiagonalGaussian {
  readonly mean: Tensor;
  readonly logvar: Tensor;

  constructor(moments: Tensor) {
    const channels = moments.size(1) / 2;
    this.mean = moments.narrow(1, 0, channels);
    this.logvar = tidy(() => moments.narrow(1, channels, channels).clamp(logvarRange));
  }

  /** One sample, mean + std · ε with ε from `generator`: (B, Z, h, w). */
  sample(generator: Generator): Tensor {
    return tidy(() => {
      const { shape, dtype, device } = this.mean;
      const drawn = randn(shape, { generator, dtype, device: generator.device });
      const noise = drawn.to({ device });
      return this.mean.add(this.logvar.mul(0.5).exp().mul(noise));
    });
  }

  /** The most likely latent, which is the mean: (B, Z, h, w). */
  mode(): Tensor {
    return this.mean;
  }

  /** Kullback-Leibler divergence from the standard normal distribution, in nats, summed over each latent: (B). */
  kl(): Tensor {
    return tidy(() => {
      const variance = this.logvar.exp();
      const terms = this.mean.square().add(variance).sub(1).sub(this.logvar);
      return terms.sum([1, 2, 3]).mul(0.5);
    });
  }
}
