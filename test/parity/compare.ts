import { expect } from "vitest";
import * as torch from "../../src/torch/index.ts";

/** float32 rounding in another order of summation stays well below this, a wrong term far above. */
const tolerance = 1e-5;

const norm = (tensor: torch.Tensor): number => torch.tidy(() => tensor.detach().norm()).item();

/** Expects ‖actual − expected‖ ≤ 1e-5 · ‖expected‖. */
export function expectClose(actual: torch.Tensor, expected: torch.Tensor, label = ""): void {
  expect(actual.shape, label).toEqual(expected.shape);
  const distance = norm(torch.tidy(() => actual.detach().sub(expected)));
  expect(distance / norm(expected), label).toBeLessThanOrEqual(tolerance);
}

/**
 * Expects every parameter to have the gradient that is expected under its key. The last bias on attention keys shifts all
 * logits of a query alike, which softmax does not see: where its gradient is zero but for rounding, it is measured against
 * the gradient of the weight beside it.
 */
export function expectSameGradients(
  parameters: ReadonlyMap<string, torch.Tensor>,
  expected: ReadonlyMap<string, torch.Tensor>,
): void {
  expect([...parameters.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [key, wanted] of expected) {
    const actual = parameters.get(key)?.grad;
    if (actual === undefined) throw new Error(`${key} has no gradient`);
    const beside = /(to_k|k_norm)\.bias$/.test(key) && expected.get(key.replace(/bias$/, "weight"));
    if (!beside || norm(wanted) > tolerance * norm(beside)) {
      expectClose(actual, wanted, key);
    } else {
      expect(norm(actual) / norm(beside), key).toBeLessThanOrEqual(tolerance);
    }
  }
}
