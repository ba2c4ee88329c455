/** The engine: tensors on libtorch. Importing it loads the native addon. */
import { native } from "./binding.ts";
import { fastestDType } from "./device.ts";
import type { DType } from "./dtype.ts";

export { autocast, withoutAutocast } from "./autograd/autocast.ts";
export * from "./autograd/autograd.ts";
export { checkpoint, discardCheckpoints } from "./autograd/checkpoint.ts";
export {
  chooseDevice,
  type DeviceMemory,
  deviceKind,
  deviceMemory,
  fastestDType,
  requireDevice,
  setDevice,
} from "./device.ts";
export {
  bytesPerElement,
  type Device,
  type DType,
  dtypes,
  isFloatingPoint,
  type TypedArray,
} from "./dtype.ts";
export { TensorDisposedError, TorchError } from "./errors.ts";
export * from "./factories.ts";
export * as functional from "./functional.ts";
export { RecordedGraph } from "./graph.ts";
export { adopt, share, type TensorToken } from "./handover.ts";
export {
  addmm,
  arange,
  bernoulli,
  bucketize,
  cat,
  empty,
  emptyLike,
  eye,
  foreachAdamw_,
  foreachAdd_,
  foreachAddcdiv_,
  foreachAddcmul_,
  foreachAddList_,
  foreachClampMin_,
  foreachCopy_,
  foreachDiv,
  foreachDivList_,
  foreachDivScalars_,
  foreachLerp,
  foreachLerp_,
  foreachLerpScalars_,
  foreachMul,
  foreachMul_,
  foreachMulList_,
  foreachMulScalars_,
  foreachNorm,
  foreachRsqrt,
  foreachRsqrt_,
  foreachSign_,
  foreachSqrt,
  foreachSub,
  foreachSubList_,
  foreachZero_,
  kron,
  linalgEigh,
  linalgEigvalsh,
  linalgQr,
  linalgSolve,
  linalgSvd,
  linspace,
  ones,
  onesLike,
  outer,
  rand,
  randint,
  randn,
  randnLike,
  randperm,
  searchsorted,
  stack,
  totalNorm,
  where,
  zeros,
  zerosLike,
} from "./ops.gen.ts";
export {
  GradientReducer,
  Heartbeat,
  hasNccl,
  ProcessGroup,
  type Reduction,
  Store,
} from "./process-group.ts";
export { Generator, generator, manualSeed, stream, streamSeed } from "./random.ts";
export { keep, memory, runInScope, Scope, scope, scopeName, tidy } from "./scope.ts";
export { isSameTensor, type NestedNumbers, retain, Tensor, type ToOptions } from "./tensor.ts";

/** Version and capabilities of the loaded engine. */
export interface EngineInfo {
  /** Version of the loaded libtorch. */
  readonly libtorch: string;
  /** Version of the headers that the addon was compiled with. */
  readonly builtAgainst: string;
  readonly cuda: boolean;
  readonly devices: string[];
  readonly threads: number;
  /** The instruction set that libtorch's own kernels use, such as AVX512. */
  readonly cpuCapability: string;
  /** The number type with which each of `devices` draws fastest: see fastestDType. */
  readonly fastest: readonly DType[];
  /** The library that multiplies matrices on the CPU; PIXART_PRODUCTS overrides it ("onednn" or "default"). */
  readonly products: string;
}

/** Describes the loaded engine. */
export function engineInfo(): EngineInfo {
  const info = native.engineInfo();
  return {
    libtorch: info.loaded,
    builtAgainst: info.builtAgainst,
    cuda: info.devices.some((device) => device.startsWith("cuda")),
    devices: info.devices,
    threads: info.threads,
    cpuCapability: info.cpuCapability,
    fastest: info.devices.map((device) => fastestDType(device, info.multipliesBfloat16)),
    products: native.products(),
  };
}

/** Sets how many threads one operator may use on the CPU. */
export const setThreads = (count: number): void => native.setThreads(count);

/**
 * Selects this project's own CPU kernels, which are the default unless `PIXART_KERNELS` is "libtorch", or libtorch's operators
 * instead: to find out which of the two causes a difference.
 */
export const setOwnKernels = (enabled: boolean): void => native.setOwnKernels(enabled);

/** Makes operators that have no deterministic kernel fail instead of giving run-dependent results. */
export const setDeterministic = (deterministic: boolean): void =>
  native.setDeterministic(deterministic);

/** Returns freed memory to the system, after work that will not be repeated: glibc's, and an accelerator's. */
export const releaseMemory = (): void => native.releaseMemory();
