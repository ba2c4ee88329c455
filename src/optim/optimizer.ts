import type { Tensor } from "../torch/index.ts";

/** Parameters, by name, that are updated with the same settings. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Factor on the learning rate that step() is given. */
  readonly lrScale?: number;
  readonly weightDecay?: number;
}

/** Turns gradients into new weights. Parameters that want no gradient when it is made are left alone, and have no state. */
export interface Optimizer {
  /**
   * Updates every parameter that has a gradient, which counts `gradientScale` times (1 where it is left out). Gradients may be
   * changed.
   */
  step(lr: number, gradientScale?: number): void;
  /** Forgets all gradients. */
  zeroGrad(): void;
  /** What a resumed run goes on from, as `<kind>.<name>`; the optimizer's own tensors, not copies. */
  stateDict(): Map<string, Tensor>;
  /** Takes back what {@link stateDict} gave. Throws, and changes nothing, where a tensor is missing, left over or of another shape. */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void;
  /** Gives back the state's memory. */
  dispose(): void;
}
