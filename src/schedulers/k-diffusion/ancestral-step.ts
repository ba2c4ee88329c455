import { f32, sqrt32 } from "../noise/arithmetic.ts";

/** A step down to less noise than wanted, and the noise that is added again. */
export interface AncestralStep {
  readonly down: number;
  readonly up: number;
}

/** Splits a step from noise level `from` to `to`: down to `down`, then `up` of new noise, in float32. */
export function ancestralStep(from: number, to: number): AncestralStep {
  const [source2, target2] = [f32(from * from), f32(to * to)];
  const up = sqrt32(f32(f32(target2 * f32(source2 - target2)) / source2));
  // Rounding may make this negative for a long step.
  return { up, down: sqrt32(Math.max(f32(target2 - f32(up * up)), 0)) };
}
