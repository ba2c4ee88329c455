import type { ResolvedStage } from "../../config/index.ts";
import type { SampleRng } from "../contract/sample-rng.ts";

type TimestepsConfig = ResolvedStage<"text-to-image">["timesteps"];

/**
 * A timestep below `count` for each sample (diffengine, models/utils/timesteps.py). Non-uniform distributions are drawn by
 * inverting their cumulative distribution at one uniform number per sample.
 */
export function drawTimesteps(config: TimestepsConfig, draws: SampleRng, count: number): number[] {
  switch (config.type) {
    case "uniform":
      return draws.integers(count);
    case "cubic":
      return draws.uniform().map((u) => cubicTimestep(u, count));
    case "ddim": {
      const stride = Math.floor(count / config.steps);
      return draws.integers(config.steps).map((i) => (i + 1) * stride - 1);
    }
    default: {
      const [begin, end] = biasedRange(config, count);
      return draws
        .uniform()
        .map((u) => biasedTimestep(u, count, begin, end, config.biasMultiplier));
    }
  }
}

/** ⌊(1 − u³)·count⌋ for u in [0, 1); u = 0 gives the last timestep. */
export const cubicTimestep = (u: number, count: number): number =>
  Math.min(count - 1, Math.floor((1 - u ** 3) * count));

type BiasedConfig = Extract<TimestepsConfig, { readonly biasMultiplier: number }>;

/** First timestep that is drawn more often, and the first one after that range. */
function biasedRange(config: BiasedConfig, count: number): readonly [number, number] {
  if (config.type === "range") {
    return [Math.trunc(config.biasBegin * count), Math.trunc(config.biasEnd * count)];
  }
  const size = Math.trunc(config.biasPortion * count);
  return config.type === "later" ? [count - size, count] : [0, size];
}

/** The timestep at share `u` of the total weight: timesteps from `begin` to below `end` weigh `multiplier`, the others 1. */
export function biasedTimestep(
  u: number,
  count: number,
  begin: number,
  end: number,
  multiplier: number,
): number {
  const biased = (end - begin) * multiplier;
  const passed = u * (count - (end - begin) + biased);
  if (passed < begin) return Math.floor(passed);
  if (passed < begin + biased) {
    return Math.min(end - 1, begin + Math.floor((passed - begin) / multiplier));
  }
  return Math.min(count - 1, end + Math.floor(passed - begin - biased));
}
