import type { Handle } from "./binding.ts";
import type { Tensor } from "./tensor.ts";

// Tensor extends the generated operators, and the operators make Tensors. This file resolves the circle between the two.
let construct: (handle: Handle) => Tensor;

/** Called once, by tensor.ts. */
export const registerTensor = (tensorClass: new (handle: Handle) => Tensor): void => {
  construct = (handle) => new tensorClass(handle);
};

let runBackward: (tensor: Tensor) => void;

/** Called once, by autograd.ts. */
export const registerBackward = (backward: (tensor: Tensor) => void): void => {
  runBackward = backward;
};

/** Backward from one tensor, for the method of that name. */
export const backwardOf = (tensor: Tensor): void => runBackward(tensor);

/** A Tensor over a handle that an operator returned. */
export const wrap = (handle: Handle): Tensor => construct(handle);

/** The same for an operator with several results. */
export const wrapAll = (handles: readonly Handle[]): Tensor[] => handles.map(construct);

/** Handles of a list of tensors. */
export const handlesOf = (tensors: readonly Tensor[]): Handle[] => tensors.map((t) => t.handle);
