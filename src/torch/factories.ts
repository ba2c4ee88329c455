import { expected } from "../errors/index.ts";
import { native } from "./binding.ts";
import { type Device, type DType, dtypeCode, dtypeOfArray, type TypedArray } from "./dtype.ts";
import { empty } from "./ops.gen.ts";
import { fromBytes, type NestedNumbers, type Tensor } from "./tensor.ts";
import { wrap } from "./wrap.ts";

/** Element type and device of a new tensor. Default: float32 on the CPU. */
export interface TensorOptions {
  readonly dtype?: DType | undefined;
  readonly device?: Device | undefined;
}

/** A tensor with a copy of a typed array's elements. */
export function fromTypedArray(
  array: TypedArray,
  shape: readonly number[] = [array.length],
  { dtype, device }: TensorOptions = {},
): Tensor {
  const made = wrap(native.fromBytes(array, dtypeCode(dtypeOfArray(array)), shape));
  const wanted = made.to({ dtype, device });
  if (wanted !== made) made.dispose();
  return wanted;
}

function shapeOf(data: NestedNumbers): number[] {
  if (!Array.isArray(data)) return [];
  const inner = data.map(shapeOf);
  const first = inner[0] ?? [];
  for (const other of inner) {
    if (other.length !== first.length || other.some((size, i) => size !== first[i])) {
      throw expected("rows of equal shape", "data", `[${first}] and [${other}]`);
    }
  }
  return [data.length, ...first];
}

const flatten = (data: NestedNumbers): number[] =>
  Array.isArray(data) ? data.flatMap(flatten) : [data];

/** A tensor from a number, nested arrays of numbers or a typed array. Numbers become float32 unless a dtype is given. */
export function tensor(data: NestedNumbers | TypedArray, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(data)) return fromTypedArray(data as TypedArray, undefined, options);
  const flat = flatten(data as NestedNumbers);
  const shape = shapeOf(data as NestedNumbers);
  const array =
    options.dtype === "int64" ? BigInt64Array.from(flat, BigInt) : Float64Array.from(flat);
  return fromTypedArray(array, shape, {
    dtype: options.dtype ?? "float32",
    device: options.device,
  });
}

/** A tensor with every element `value`. */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  return empty(shape, { dtype: options.dtype ?? "float32", device: options.device }).fill_(value);
}

/** The bytes of a file that make up a tensor: little-endian elements in row-major order. */
export interface MappedRange {
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * A tensor over part of an open file, whose pages are read on first use. Writing to the tensor never changes the file, which may
 * be closed, replaced or removed; but truncating it in place crashes the process at the next read of the missing part. Misaligned
 * elements are copied. Throws TorchError if the file has fewer bytes.
 */
export const mapTensor = (
  file: number,
  { byteOffset, byteLength, dtype, shape }: MappedRange,
): Tensor => wrap(native.mapTensor(file, byteOffset, byteLength, dtypeCode(dtype), shape));

/**
 * Lets the system reclaim the memory of tensors that will not be used for a while. Those in a mapped file are read again when
 * used. Linux only; no effect elsewhere.
 */
export function pageOut(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) native.pageOut(tensor.handle);
}

export { fromBytes };
