import { inspect } from "node:util";
import { expected, InvalidValueError } from "../errors/index.ts";
import { type Guard, type Handle, native } from "./binding.ts";
import {
  arrayOver,
  type Device,
  type DType,
  dtypeCode,
  dtypeFromCode,
  type TypedArray,
} from "./dtype.ts";
import { TensorOps } from "./ops.gen.ts";
import { backwardOf, registerTensor, wrap } from "./wrap.ts";

/** Nested arrays of numbers, as deep as a tensor has dimensions. */
export type NestedNumbers = number | NestedNumbers[];

/** Target dtype and device; omitted ones stay as they are. */
export interface ToOptions {
  readonly dtype?: DType | undefined;
  readonly device?: Device | undefined;
  /** Copies even if nothing changes. */
  readonly copy?: boolean;
}

const kind = ({ dtype, shape, device }: Tensor): string =>
  `${dtype} [${shape.join(", ")}]${device === "cpu" ? "" : `, ${device}`}`;

// Unlike JSON, it preserves NaN and the infinities.
const listText = (list: NestedNumbers): string =>
  Array.isArray(list) ? `[${list.map(listText).join(",")}]` : String(list);

/**
 * An n-dimensional array on libtorch. Its memory is freed when the scope that it was made in ends (see docs/memory.md), by
 * dispose(), or finally by the garbage collector.
 */
export class Tensor extends TensorOps {
  readonly handle: Handle;
  #guard: Guard | undefined;

  /** For operators: users create tensors with torch.tensor() and the like. */
  constructor(handle: Handle) {
    super();
    // A negative handle means that no scope will free the tensor in time.
    if (handle < 0) {
      this.handle = -handle as Handle;
      this.#guard = native.guard(this.handle);
    } else {
      this.handle = handle;
    }
  }

  /** Lets the garbage collector free the tensor, because no scope will. */
  guard(): void {
    this.#guard ??= native.guard(this.handle);
  }

  /** Sizes, outermost dimension first. */
  get shape(): number[] {
    return native.shape(this.handle);
  }

  /** Size of one dimension; negative counts from the end. */
  size(dim: number): number {
    const shape = this.shape;
    const size = shape.at(dim);
    if (size === undefined) {
      throw new InvalidValueError(
        `Expected a dimension of a ${shape.length}-dimensional tensor but received ${dim}`,
      );
    }
    return size;
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  get dtype(): DType {
    return dtypeFromCode(native.dtype(this.handle));
  }

  get device(): Device {
    return native.device(this.handle);
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** Whether gradients accumulate in this tensor, not in what it was computed from. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** The gradient that backward() accumulated, if any. */
  get grad(): Tensor | undefined {
    const handle = native.grad(this.handle);
    return handle === null ? undefined : wrap(handle);
  }

  set grad(value: Tensor | undefined) {
    if (value !== undefined && kind(value) !== kind(this)) {
      throw expected(kind(this), "grad", kind(value));
    }
    native.setGrad(this.handle, value?.handle ?? null);
  }

  /** Requests gradients for this leaf. */
  requiresGrad_(value = true): this {
    native.setRequiresGrad(this.handle, value);
    return this;
  }

  /** Accumulates gradients of this (one-element) tensor into the leaves that it was computed from: torch.backward(this). */
  backward(): void {
    backwardOf(this as Tensor);
  }

  /** The same tensor as another dtype or on another device; itself if nothing changes and no copy is requested. */
  to({ dtype, device, copy = false }: ToOptions): Tensor {
    const sameType = dtype === undefined || dtype === this.dtype;
    const sameDevice = device === undefined || device === this.device;
    if (sameType && sameDevice && !copy) return this as Tensor;
    return this.toCopy({ dtype, device });
  }

  /** As float32. */
  float(): Tensor {
    return this.to({ dtype: "float32" });
  }

  /** The only element, as a number. */
  item(): number {
    return native.item(this.handle);
  }

  /** A copy of the elements in row-major order; bfloat16 and float16 come as float32. */
  toTypedArray(): TypedArray {
    const dtype = this.dtype;
    if (dtype === "bfloat16" || dtype === "float16") return this.toFloat32Array();
    return arrayOver(native.toBytes(this.handle), dtype);
  }

  /** A copy of the elements as float32, in row-major order. */
  toFloat32Array(): Float32Array {
    if (this.dtype === "float32") return new Float32Array(native.toBytes(this.handle));
    using detached = this.detach();
    using converted = detached.float();
    return new Float32Array(native.toBytes(converted.handle));
  }

  /** The elements' raw little-endian bytes in row-major order. */
  toBytes(): Uint8Array {
    return new Uint8Array(native.toBytes(this.handle));
  }

  /** Nested arrays of numbers. */
  tolist(): NestedNumbers {
    const flat = Array.from(this.toTypedArray(), Number);
    const build = (shape: readonly number[], offset: number, count: number): NestedNumbers => {
      const [size, ...rest] = shape;
      if (size === undefined) return flat[offset] ?? Number.NaN;
      const step = count / Math.max(size, 1);
      return Array.from({ length: size }, (_, i) => build(rest, offset + i * step, step));
    };
    return build(this.shape, 0, flat.length);
  }

  /** Whether its memory was freed. */
  get isDisposed(): boolean {
    return native.isDisposed(this.handle);
  }

  /** Frees its memory now. Tensors computed from it, and gradients through it, stay valid. */
  dispose(): void {
    native.dispose(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    if (this.isDisposed) return "Tensor(disposed)";
    const grad = this.requiresGrad ? ", requiresGrad" : "";
    const values = this.device !== "meta" && this.numel <= 16 ? ` ${listText(this.tolist())}` : "";
    return `Tensor(${kind(this)}${grad})${values}`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

registerTensor(Tensor);

/** A tensor with a copy of raw little-endian bytes. */
export function fromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  return wrap(native.fromBytes(bytes, dtypeCode(dtype), shape));
}

/** A second reference to the same tensor, in no scope: it stays valid when the first one is freed. */
export const retain = (tensor: Tensor): Tensor => wrap(native.retain(tensor.handle));

/** Whether two variables refer to the same tensor, not merely to equal values. */
export const isSameTensor = (a: Tensor, b: Tensor): boolean => native.isSame(a.handle, b.handle);
