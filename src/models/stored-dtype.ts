import { InvalidValueError } from "../errors/index.ts";
import { type DType, isFloatingPoint } from "../torch/index.ts";
import type { TypedWeights } from "../weights/index.ts";

/**
 * The dtype of all floats in a file, which `path` names in errors. Throws if there are several.
 * @param instead what to take for a file that holds a dtype in which the model can't run, even in part
 */
export function storedDType(
  weights: TypedWeights,
  path: string,
  instead: ReadonlyMap<DType, DType> = new Map(),
): DType {
  const dtypes = new Map<DType, string>();
  for (const key of weights.keys()) {
    const dtype = weights.dtype(key);
    if (isFloatingPoint(dtype) && !dtypes.has(dtype)) dtypes.set(dtype, key);
  }
  for (const dtype of dtypes.keys()) {
    const other = instead.get(dtype);
    if (other !== undefined) return other;
  }
  const [only = "float32", ...others] = dtypes.keys();
  if (others.length === 0) return only;
  const found = [...dtypes].map(([dtype, key]) => `${dtype} (${key})`).join(" and ");
  throw new InvalidValueError(
    `Expected weights of one dtype in ${path} for dtype "auto" but received ${found}; name one`,
  );
}
