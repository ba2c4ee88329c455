import { pixArtDimensions } from "../../models/pixart/config.ts";
import type { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import { sizeConditions } from "../../pipelines/noise-predictor.ts";
import type { EncodedText } from "../../pipelines/prompts/encoded-text.ts";
import { type Scheduler, schedulerNamed } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

// Shapes: B pictures, S noise levels, C latent channels, h and w size of a latent picture.

/** The noise that {@link DenoisingErrors} are measured at. */
export interface FixedNoise {
  /** Noise levels as log(α²/σ²). */
  readonly logSnrs: readonly number[];
  /** Noises per level, the same for all pictures. */
  readonly noises: number;
  /** Seed of the noises. */
  readonly seed: number;
  /** Number type of the model's large products. Default `float32`. */
  readonly precision?: "float32" | "bfloat16";
}

/**
 * How far a model's denoised pictures are from the real ones after one step from fixed noise. Unlike a loss, it can be compared
 * between models that predict noise, velocity or flow, on any schedule.
 */
export class DenoisingErrors implements Disposable {
  readonly #pipe: PixArtAlphaPipeline;
  readonly #noise: FixedNoise;
  readonly #scheduler: Scheduler;
  readonly #timesteps: readonly number[];

  constructor(pipe: PixArtAlphaPipeline, noise: FixedNoise) {
    this.#pipe = pipe;
    this.#noise = noise;
    this.#scheduler = schedulerNamed("ddim", {
      ...pipe.scheduler.toConfig(),
      clip_sample: false,
      thresholding: false,
    });
    this.#scheduler.setTimesteps(1);
    this.#timesteps = timestepsAt(this.#scheduler, noise.logSnrs);
  }

  /**
   * Mean squared errors (S, B), averaged over the noises.
   * @param originals (B, C, h, w) scaled latents, or (1, C, h, w) of one picture under B captions
   * @param text      of B captions
   */
  of(originals: Tensor, text: EncodedText): Tensor {
    const { noises, precision = "float32" } = this.#noise;
    const measured = (): Tensor =>
      torch.tidy(() => {
        const levels = this.#timesteps.map((timestep, level) => {
          const each = Array.from({ length: noises }, (_, k) =>
            this.#errorsAt(timestep, level * noises + k, originals, text),
          );
          return torch.stack(each).mean([0]);
        });
        return torch.stack(levels);
      });
    const kind = torch.deviceKind(originals.device);
    return torch.noGrad(() =>
      precision === "float32" ? measured() : torch.autocast(kind, precision, measured),
    );
  }

  /** (B) */
  #errorsAt(
    timestep: number,
    noiseIndex: number,
    originals: Tensor,
    { hiddenStates, attentionMask }: EncodedText,
  ): Tensor {
    const { transformer, vaeScaleFactor } = this.#pipe;
    const { device, dtype } = originals;
    const generator = torch.stream(this.#noise.seed, "choice/noise", noiseIndex);
    const noise = torch
      .randn([1, ...originals.shape.slice(1)], { generator })
      .to({ device, dtype });
    const rows = hiddenStates.size(0);
    const timesteps = Array.from({ length: originals.size(0) }, () => timestep);
    const noisy = this.#scheduler.addNoise(originals, noise.expand(originals.shape), timesteps);
    const input = noisy.expand([rows, -1, -1, -1]).contiguous(); // (B, C, h, w)
    const output = transformer.call(input, {
      encoderHiddenStates: hiddenStates,
      encoderAttentionMask: attentionMask,
      timestep: torch.full([rows], timestep, { dtype: "float32", device }),
      addedCondKwargs: pixArtDimensions(transformer.config).usesAdditionalConditions
        ? sizeConditions(input, rows, vaeScaleFactor)
        : undefined,
    });
    const prediction = output.float().narrow(1, 0, input.size(1));
    const { predOriginalSample } = this.#scheduler.step(prediction, timestep, input);
    return predOriginalSample.float().sub(originals.float()).square().flatten(1).mean([1]);
  }

  [Symbol.dispose](): void {
    this.#scheduler[Symbol.dispose]();
  }
}

/** The timesteps whose log(α²/σ²) are nearest to the given ones. */
function timestepsAt(scheduler: Scheduler, logSnrs: readonly number[]): number[] {
  const count = Number(scheduler.toConfig().num_train_timesteps);
  const timesteps = Array.from({ length: count }, (_, t) => t);
  const alphas = torch.tidy(() =>
    scheduler.addNoise(torch.ones([count, 1]), torch.zeros([count, 1]), timesteps).toFloat32Array(),
  );
  return logSnrs.map((wanted) => {
    const distances = Array.from(alphas, (alpha) =>
      Math.abs(Math.log(alpha ** 2 / (1 - alpha ** 2)) - wanted),
    );
    return distances.indexOf(Math.min(...distances));
  });
}
