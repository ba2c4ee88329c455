import { native } from "../binding.ts";
import { type Device, dtypeCode } from "../dtype.ts";
import { assertSynchronous } from "./synchronous.ts";

interface Precision {
  readonly device: Device;
  /** A dtype's code; null for each tensor's own. */
  readonly code: number | null;
}

let current: readonly Precision[] = [];

/** Switching off drops the cached casts of weights, which libtorch would otherwise reuse in another dtype. */
function switchTo(device: Device, code: number | null): number | null {
  const previous = native.setAutocast(device, null);
  if (code !== null) native.setAutocast(device, code);
  return previous;
}

function withPrecision<T>({ device, code }: Precision, body: () => T): T {
  const outer = current;
  const previous = switchTo(device, code);
  current = [...outer, { device, code }];
  try {
    return body();
  } finally {
    current = outer;
    switchTo(device, previous);
  }
}

/**
 * Runs a synchronous body in mixed precision: libtorch's autocast rules choose which operators run in `dtype` on that kind of
 * device ("cpu", "cuda"). Compute gradients outside it.
 */
export function autocast<T>(device: Device, dtype: "bfloat16" | "float16", body: () => T): T {
  return withPrecision({ device, code: dtypeCode(dtype) }, () =>
    assertSynchronous(body(), "torch.autocast()"),
  );
}

/** Runs a synchronous body in its tensors' own precision, even inside {@link autocast}. */
export function withoutAutocast<T>(body: () => T): T {
  return current.reduceRight<() => T>(
    (inner, { device }) =>
      () =>
        withPrecision({ device, code: null }, inner),
    () => assertSynchronous(body(), "torch.withoutAutocast()"),
  )();
}

/** `body` in the mixed precision that is active now, whenever it is called. */
export function inPresentPrecision<A extends unknown[], T>(
  body: (...args: A) => T,
): (...args: A) => T {
  return current.reduceRight<(...args: A) => T>(
    (inner, precision) =>
      (...args) =>
        withPrecision(precision, () => inner(...args)),
    body,
  );
}
