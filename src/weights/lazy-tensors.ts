import { replaceFile } from "../files/replace-file.ts";
import type { DType } from "../torch/dtype.ts";
import * as torch from "../torch/index.ts";
import type { TypedWeights } from "./key-table.ts";
import { checkedBytes } from "./safetensors/safetensors-bytes.ts";
import { formatHeader, layoutOrder, type TensorSpec } from "./safetensors/safetensors-header.ts";

/** A tensor that is made when a file needs it. */
export interface LazyTensor extends TensorSpec {
  /** Its elements as stored in a file. */
  readonly bytes: () => Uint8Array;
}

/** Weights as lazy tensors, with floating-point numbers converted to `dtype` if given. */
export function lazyTensors(weights: TypedWeights, dtype?: DType): Map<string, LazyTensor> {
  return new Map(
    Array.from(weights.keys(), (key) => {
      const stored = weights.dtype(key);
      const wanted = torch.isFloatingPoint(stored) ? (dtype ?? stored) : stored;
      const bytes = (): Uint8Array =>
        torch.tidy(() => weights.tensor(key).to({ dtype: wanted }).toBytes());
      return [key, { dtype: wanted, shape: weights.shape(key), bytes }];
    }),
  );
}

/** As writeSafetensors(), with one tensor in memory at a time. */
export async function writeLazySafetensors(
  path: string,
  tensors: ReadonlyMap<string, LazyTensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await replaceFile(path, safetensorsPieces(tensors, metadata));
}

/**
 * A safetensors file piece by piece, each tensor made when its turn comes. Throws InvalidValueError if bytes and shape disagree.
 */
export function* safetensorsPieces(
  tensors: ReadonlyMap<string, LazyTensor>,
  metadata?: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  yield formatHeader(tensors, metadata);
  for (const [name, tensor] of layoutOrder(tensors))
    yield checkedBytes(name, tensor, tensor.bytes());
}
