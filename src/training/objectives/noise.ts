import type { ResolvedStage } from "../../config/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SampleRng } from "../contract/sample-rng.ts";

type NoiseConfig = ResolvedStage<"text-to-image">["noise"];
type PyramidConfig = Omit<Extract<NoiseConfig, { readonly type: "pyramid" }>, "inputPerturbation">;

/** ε of `shape` (C, H, W) for each sample: (B, C, H, W) (diffengine, models/utils/noise.py). */
export function drawNoise(config: NoiseConfig, draws: SampleRng, shape: readonly number[]): Tensor {
  return torch.tidy(() => {
    if (config.type === "pyramid") {
      return draws.each((generator) => pyramidNoise(shape, generator, config));
    }
    const noise = draws.normal(shape);
    if (config.type === "white") return noise;
    const shift = draws.normal([...shape.slice(0, 1), 1, 1]);
    return noise.add(shift.mul(config.weight));
  });
}

/** diffengine's limit; every level is at most half the size of the previous one. */
const MAX_LEVELS = 16;

/**
 * Noise of one sample, (C, H, W): white noise plus, weighted by powers of the discount, white noise of ever smaller sizes
 * upscaled to full size, until a side is 1; then scaled to unit variance. Sizes shrink by increasing powers of the multiplier,
 * and the first level is full-sized, both as in diffengine. Unlike there, the variance is that of the sample and not of its
 * batch.
 */
export function pyramidNoise(
  shape: readonly number[],
  generator: torch.Generator,
  { discount, randomMultiplier }: PyramidConfig,
): Tensor {
  return torch.tidy(() => {
    const [channels = 1, height = 1, width = 1] = shape;
    const noise = torch.randn(shape, { generator });
    let [h, w] = [height, width];
    for (let level = 0; level < MAX_LEVELS; level++) {
      const multiplier = randomMultiplier ? torch.rand([1], { generator }).item() * 2 + 2 : 2;
      const shrink = multiplier ** level;
      h = Math.max(1, Math.trunc(h / shrink));
      w = Math.max(1, Math.trunc(w / shrink));
      const coarse = torch.randn([1, channels, h, w], { generator });
      const full = torch.functional.interpolate(coarse, {
        size: [height, width],
        mode: "bilinear",
      });
      noise.add_(full.squeeze(0), { alpha: discount ** level });
      if (h === 1 || w === 1) break;
    }
    return noise.div(noise.std());
  });
}
