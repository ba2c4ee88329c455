import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** Inputs of a diffusion loss. Shapes: B batch, C latent channels, H and W latent size. */
export interface ObjectiveInput {
  /** (B, C, H, W), or (B, 2C, H, W) if the model also predicts the variance. */
  readonly modelOutput: Tensor;
  /** (B, C, H, W): x0, the clean latents. */
  readonly original: Tensor;
  /** (B, C, H, W): ε, the noise that was added to x0 and that the model has to predict. */
  readonly noise: Tensor;
  /** One per row. */
  readonly timesteps: readonly number[];
}

export interface ObjectiveOutput {
  /** (B): to be averaged and differentiated, in float32. */
  readonly loss: Tensor;
  /** (B) each: the terms of the loss, for the log. */
  readonly parts: Readonly<Record<string, Tensor>>;
}

/** The mean over all dimensions except the first. */
export function meanPerSample(values: Tensor): Tensor {
  return values.flatten(1).mean([1]);
}

/** Splits a model's output, in float32, into prediction and variance channels; the latter only if it has them. */
export function splitPrediction({ modelOutput, original }: ObjectiveInput): {
  readonly prediction: Tensor;
  readonly variance: Tensor | undefined;
} {
  const channels = original.shape[1] ?? 0;
  const outputs = modelOutput.shape[1];
  if (outputs !== channels && outputs !== 2 * channels) {
    throw expected(`${channels} or ${2 * channels} channels`, "modelOutput", outputs);
  }
  const output = modelOutput.float();
  return {
    prediction: output.narrow(1, 0, channels),
    variance: outputs === channels ? undefined : output.narrow(1, channels, channels),
  };
}
