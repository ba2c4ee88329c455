import { createRequire } from "node:module";
import { join } from "node:path";
import { ResourceError } from "../errors/index.ts";
import { ADDON, engineFolder } from "../files/package/engine-folder.ts";
import { NativeFailure, TensorDisposedError } from "./errors.ts";
import { type SpinControl, watchSpin } from "./spin.ts";

declare const handleBrand: unique symbol;
/** A native reference to a tensor: a number that is never reused. */
export type Handle = number & { readonly [handleBrand]: "tensor" };
declare const guardBrand: unique symbol;
/** An object whose garbage collection frees a tensor's memory. */
export interface Guard {
  readonly [guardBrand]: "guard";
}
declare const generatorBrand: unique symbol;
/** An opaque native random generator. */
export interface GeneratorHandle {
  readonly [generatorBrand]: "generator";
}
declare const scopeBrand: unique symbol;
/** An opaque native scope, held by async code. */
export interface ScopeHandle {
  readonly [scopeBrand]: "scope";
}

declare const storeBrand: unique symbol;
/** An opaque native store through which processes find each other. */
export interface StoreHandle {
  readonly [storeBrand]: "store";
}
declare const groupBrand: unique symbol;
/** An opaque native process group. */
export interface GroupHandle {
  readonly [groupBrand]: "group";
}
declare const heartbeatBrand: unique symbol;
/** An opaque native thread that signals to others that this process is alive. */
export interface HeartbeatHandle {
  readonly [heartbeatBrand]: "heartbeat";
}
declare const graphBrand: unique symbol;
/** An opaque native recording of a GPU's work. */
export interface GraphHandle {
  readonly [graphBrand]: "graph";
}
declare const reducerBrand: unique symbol;
/** An opaque native averager of gradients. */
export interface ReducerHandle {
  readonly [reducerBrand]: "reducer";
}

/** The exports of `native/`; the C++ file of each group documents the exact meaning. */
export interface Native extends SpinControl {
  installErrors(failure: unknown, disposedError: unknown): void;
  // dispatch.cc
  resolve(operator: string): number;
  schema(operator: string): string;
  // biome-ignore lint/suspicious/noExplicitAny: arguments and result depend on the operator; ops.gen.ts types each one
  call(operator: number, ...args: unknown[]): any;
  // tensor.cc
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): number;
  device(tensor: Handle): string;
  isDisposed(tensor: Handle): boolean;
  isSame(a: Handle, b: Handle): boolean;
  toBytes(tensor: Handle): ArrayBuffer;
  item(tensor: Handle): number;
  fromBytes(data: ArrayBufferView, dtype: number, shape: readonly number[]): Handle;
  dispose(tensor: Handle): void;
  keep(tensor: Handle): void;
  retain(tensor: Handle): Handle;
  guard(tensor: Handle): Guard;
  scopeName(name: string): number;
  scopeBegin(name: number): void;
  scopeEnd(kept: Handle | readonly Handle[] | undefined): boolean;
  scopeEndInto(scope: ScopeHandle): void;
  heldScopeNew(name: number): ScopeHandle;
  heldScopeFree(scope: ScopeHandle): void;
  liveTensors(): number;
  share(tensor: Handle): number;
  adopt(token: number): Handle;
  generator(seed: number | bigint, device: string): GeneratorHandle;
  manualSeed(seed: number | bigint): void;
  // autograd.cc
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  grad(tensor: Handle): Handle | null;
  setGrad(tensor: Handle, grad: Handle | null): void;
  backward(
    tensors: readonly Handle[],
    gradients: readonly Handle[] | null,
    retainGraph: boolean,
    createGraph: boolean,
  ): void;
  gradients(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradients: readonly Handle[] | null,
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  setGradEnabled(enabled: boolean): boolean;
  isGradEnabled(): boolean;
  setAutocast(device: string, dtype: number | null): number | null;
  // mapping.cc
  mapTensor(
    file: number,
    offset: number,
    bytes: number,
    dtype: number,
    shape: readonly number[],
  ): Handle;
  pageOut(tensor: Handle): void;
  // engine.cc
  engineInfo(): {
    builtAgainst: string;
    loaded: string;
    config: string;
    cpuCapability: string;
    multipliesBfloat16: boolean;
    threads: number;
    devices: string[];
  };
  products(): string;
  setOwnKernels(enabled: boolean): void;
  setDevice(device: string): void;
  deviceMemory(device: string): { free: number; peak: number } | null;
  setThreads(count: number): void;
  threads(): number;
  setDeterministic(deterministic: boolean): void;
  releaseMemory(): void;
  // distributed.cc; timeouts in milliseconds
  tcpStore(host: string, port: number, isServer: boolean, timeout: number): StoreHandle;
  fileStore(path: string, timeout: number): StoreHandle;
  prefixedStore(prefix: string, store: StoreHandle): StoreHandle;
  storePort(store: StoreHandle): number;
  storeSet(store: StoreHandle, key: string, value: string): void;
  storeGet(store: StoreHandle, key: string): string;
  storeAdd(store: StoreHandle, key: string, amount: number): number;
  storeHas(store: StoreHandle, key: string): boolean;
  storeWait(store: StoreHandle, keys: readonly string[], timeout: number): void;
  glooGroup(
    store: StoreHandle,
    rank: number,
    size: number,
    address: string,
    networkInterface: string | null,
    timeout: number,
  ): GroupHandle;
  ncclGroup(store: StoreHandle, rank: number, size: number, timeout: number): GroupHandle;
  hasNccl(): boolean;
  allReduce(group: GroupHandle, tensor: Handle, reduction: string): void;
  broadcast(group: GroupHandle, tensor: Handle, root: number): void;
  allGather(group: GroupHandle, output: Handle, input: Handle): void;
  reduceScatter(group: GroupHandle, output: Handle, input: Handle, reduction: string): void;
  reducerNew(
    group: GroupHandle,
    parameters: readonly Handle[],
    names: readonly string[],
    bucketBytes: number,
  ): ReducerHandle;
  reducerPrepare(reducer: ReducerHandle): void;
  reducerCheck(reducer: ReducerHandle): void;
  reducerFree(reducer: ReducerHandle): void;
  heartbeatNew(
    host: string,
    port: number,
    prefix: string,
    rank: number,
    size: number,
    interval: number,
    limit: number,
    exitCode: number,
    parent: number,
  ): HeartbeatHandle;
  heartbeatArrive(heartbeat: HeartbeatHandle): void;
  heartbeatStop(heartbeat: HeartbeatHandle): void;
  // graph.cc
  graphNew(device: string): GraphHandle;
  graphBegin(graph: GraphHandle): void;
  graphEnd(graph: GraphHandle): void;
  graphLeave(graph: GraphHandle): void;
  graphReplay(graph: GraphHandle): void;
  graphFree(graph: GraphHandle): void;
}

function load(): Native {
  const path = join(engineFolder(), ADDON);
  let native: Native;
  try {
    native = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new ResourceError(
      "ERR_ENGINE",
      loadHelp(path, error instanceof Error ? error.message : String(error)),
      { cause: error },
    );
  }
  const { builtAgainst, loaded } = native.engineInfo();
  if (!builtAgainst.startsWith(`${loaded}.`)) {
    throw new ResourceError(
      "ERR_ENGINE",
      `The addon was built against libtorch ${builtAgainst}, but libtorch ${loaded} was loaded; rebuild it with: npx pixart setup`,
    );
  }
  native.installErrors(NativeFailure, TensorDisposedError);
  watchSpin(native);
  return native;
}

function loadHelp(path: string, reason: string): string {
  const lines = [
    "The engine could not be loaded.",
    `  tried: ${path}`,
    `  reason: ${reason.split("\n")[0]}`,
    `  needed: the addon built for ${process.platform}-${process.arch}, and the libtorch (2.11 to 2.13) that it was built against`,
    "  fix: npx pixart setup   (in a checkout: npm run setup)",
  ];
  return lines.join("\n");
}

/** The addon, loaded once. */
export const native: Native = load();
