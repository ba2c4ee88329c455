import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** What a diffusion loss is computed from. Shapes: B batch, C latent channels, H and W latent size. */
export interface ObjectiveInput {
  /** (B, C, H, W), or (B, 2C, H, W) where the model also predicts the variance. */
  readonly modelOutput: Tensor;
  /** (B, C, H, W): x0, the latents without noise. */
  readonly original: Tensor;
  /** (B, C, H, W): ε, the noise that was added to x0 and that the model is to find. */
  readonly noise: Tensor;
  /** One a row. */
  readonly timesteps: readonly number[];
}

export interface ObjectiveOutput {
  /** (B): what to average and differentiate, in float32. */
  readonly loss: Tensor;
  /** (B) each: what the loss is made of, for the log. */
  readonly parts: Readonly<Record<string, Tensor>>;
}

/** The mean over all dimensions but the first. */
export function meanPerSample(values: Tensor): Tensor {
  return values.flatten(1).mean([1]);
}

/** Splits a model's output in float32 into prediction and variance channels; the latter only where it has them. */
export function splitPrediction({ modelOutput, original }: ObjectiveInput): {
  readonly prediction: Tensor;
  readonly variance: Tensor | undefined;
} {
  const channels = original.shape[1] ?? 0;
  const outputs = modelOutput.shape[1];
  if (outputs !== channels && outputs !== 2 * channels) {
    throw expected(`${channels} or ${2 * channels} channels`, "model output", outputs);
  }
  const output = modelOutput.float();
  return {
    prediction: output.narrow(1, 0, channels),
    variance: outputs === channels ? undefined : output.narrow(1, channels, channels),
  };
}
