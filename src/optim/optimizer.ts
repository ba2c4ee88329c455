import type { Tensor } from "../torch/index.ts";

/** Parameters that are updated with the same settings. */
export interface ParameterGroup {
  /**
   * By name, as a module's `namedParameters()` gives them. Each name is in one group only: the keys of
   * {@link Optimizer.stateDict} contain it. Muon also chooses by it.
   */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Factor on the learning rate passed to step(). Default 1. */
  readonly lrScale?: number;
  /** Share of each weight removed per step, times the learning rate, in place of the optimizer's `weightDecay`. */
  readonly weightDecay?: number;
}

/**
 * Turns gradients into new weights. Parameters that don't require gradients when it is created are ignored, and have no state.
 */
export interface Optimizer {
  /**
   * Updates every parameter that has a gradient, which is multiplied by `gradientScale` (default 1). Gradients may be
   * overwritten.
   */
  step(lr: number, gradientScale?: number): void;
  /** Clears all gradients. */
  zeroGrad(): void;
  /** State from which a resumed run continues, as `<kind>.<name>`; the optimizer's own tensors, not copies. */
  stateDict(): Map<string, Tensor>;
  /**
   * Loads what {@link stateDict} returned.
   * @throws IncompatibleError, without changing anything, if a tensor is missing, left over or of another shape or dtype
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void;
  /** Frees the state's memory. */
  dispose(): void;
}
