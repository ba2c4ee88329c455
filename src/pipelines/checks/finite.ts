import { type ErrorCode, knownClasses } from "../../errors/index.ts";
import { type Tensor, tidy } from "../../torch/index.ts";

/** Thrown when a part of a pipeline gives numbers that no picture can be made of. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
  readonly code = "ERR_NON_FINITE" satisfies ErrorCode;
}

knownClasses(NonFiniteError);

/** Throws if `values` holds NaN or an infinity; `part` and `when` say whose they are. */
export function requireFinite(values: Tensor, part: string, when: string): void {
  // NaN if any value is NaN.
  const largest = tidy(() => values.detach().abs().amax().item());
  if (Number.isFinite(largest)) return;
  const advice =
    values.dtype === "float16"
      ? 'float16 ends at 65504: load it with { dtype: "bfloat16" } or "float32"'
      : "its weights are damaged, or do not belong to this pipeline";
  throw new NonFiniteError(
    `${part} gave ${Number.isNaN(largest) ? "NaN" : "an infinity"} ${when} (computed in ${values.dtype}): ${advice}`,
  );
}
