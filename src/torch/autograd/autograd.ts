import { UnsupportedError } from "../../errors/index.ts";
import { type Handle, native } from "../binding.ts";
import { Tensor } from "../tensor.ts";
import { handlesOf, registerBackward, wrap } from "../wrap.ts";
import { activeTape, backwardThroughSegments } from "./checkpoint.ts";
import { assertSynchronous } from "./synchronous.ts";

function withGradMode<T>(enabled: boolean, body: () => T): T {
  const previous = native.setGradEnabled(enabled);
  try {
    return assertSynchronous(body(), enabled ? "torch.enableGrad()" : "torch.noGrad()");
  } finally {
    native.setGradEnabled(previous);
  }
}

/** Runs a synchronous body without recording gradients. */
export const noGrad = <T>(body: () => T): T => withGradMode(false, body);

/** Runs a synchronous body with gradients recorded, even inside noGrad. */
export const enableGrad = <T>(body: () => T): T => withGradMode(true, body);

/** Whether operators currently record gradients. */
export const isGradEnabled = (): boolean => native.isGradEnabled();

/** Options of {@link backward}. */
export interface BackwardOptions {
  /** Gradients of the tensors. Default: ones, for one-element tensors. */
  readonly gradients?: readonly Tensor[];
  readonly retainGraph?: boolean;
}

/**
 * Accumulates gradients of `tensors` into the leaves that they were computed from, including through checkpointed segments (see
 * {@link checkpoint}).
 */
export function backward(tensors: Tensor | readonly Tensor[], options: BackwardOptions = {}): void {
  const list = tensors instanceof Tensor ? [tensors] : tensors;
  const gradients = options.gradients === undefined ? null : handlesOf(options.gradients);
  backwardThroughSegments((retainGraph) =>
    native.backward(handlesOf(list), gradients, options.retainGraph ?? retainGraph, false),
  );
}

registerBackward((tensor) => backward(tensor));

/** Options of {@link grad}. */
export interface GradOptions extends BackwardOptions {
  readonly createGraph?: boolean;
  /** Returns undefined for inputs that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean;
}

/** Gradients of `outputs` with respect to `inputs`, without touching any `.grad`. Not through checkpointed segments. */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | undefined)[] {
  if (activeTape.length > 0) {
    throw new UnsupportedError(
      "grad() cannot pass through checkpoint(): use backward() and read .grad",
    );
  }
  const handles: (Handle | null)[] = native.gradients(
    handlesOf(outputs instanceof Tensor ? [outputs] : outputs),
    handlesOf(inputs),
    options.gradients === undefined ? null : handlesOf(options.gradients),
    options.retainGraph ?? options.createGraph ?? false,
    options.createGraph ?? false,
    options.allowUnused ?? false,
  );
  return handles.map((handle) => (handle === null ? undefined : wrap(handle)));
}
