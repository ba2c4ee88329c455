import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";

/**
 * Splits the output of a model that predicts the variance into mean (B, C, …) and variance (B, C, …). Throws unless it has 2·C
 * channels.
 */
export function learnedParts(
  modelOutput: Tensor,
  channels: number,
): readonly [mean: Tensor, variance: Tensor] {
  requireChannels(modelOutput, 2 * channels, "with");
  return [modelOutput.narrow(1, 0, channels), modelOutput.narrow(1, channels, channels)];
}

/** Throws unless a model's output has this many channels. */
export function requireChannels(
  output: Tensor,
  wanted: number,
  variance: "with" | "without",
): void {
  if (output.size(1) === wanted) return;
  throw expected(
    `${wanted} channels (${variance} the variance, as variance_type says)`,
    "modelOutput",
    output.size(1),
  );
}

/**
 * The standard deviation, given that `share`, from -1 to 1, is where ln of the variance lies between two bounds (Nichol and
 * Dhariwal 2021, eq. 15).
 */
export function deviationBetween(share: Tensor, smallest: number, largest: number): Tensor {
  const part = share.add(1).div(2);
  const logarithm = part.mul(largest).add(part.neg().add(1).mul(smallest));
  return logarithm.mul(0.5).exp();
}
