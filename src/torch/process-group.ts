import { InvalidValueError } from "../errors/index.ts";
import {
  type GroupHandle,
  type HeartbeatHandle,
  native,
  type ReducerHandle,
  type StoreHandle,
} from "./binding.ts";
import { empty } from "./ops.gen.ts";
import { runInScope, scopeName } from "./scope.ts";
import type { Tensor } from "./tensor.ts";
import { handlesOf } from "./wrap.ts";

/** Address and timeout of a store. */
export interface TcpStoreOptions {
  /** The server listens only on this address. */
  readonly host: string;
  /** 0 lets the system choose one: see {@link Store.port}. */
  readonly port: number;
  readonly isServer: boolean;
  /** Milliseconds until a waiting call gives up. */
  readonly timeout: number;
}

/** Values that processes share: c10d's key-value stores (torch/csrc/distributed/c10d/TCPStore.hpp, FileStore.hpp). */
export class Store {
  /** For groups. */
  readonly handle: StoreHandle;

  private constructor(handle: StoreHandle) {
    this.handle = handle;
  }

  /** Serves a store, or connects to one. Throws TorchError if that fails or times out. */
  static tcp({ host, port, isServer, timeout }: TcpStoreOptions): Store {
    return new Store(native.tcpStore(host, port, isServer, timeout));
  }

  /** A store in a file that all processes can reach, without a socket. A waiting call gives up after `timeout` milliseconds. */
  static file(path: string, timeout: number): Store {
    return new Store(native.fileStore(path, timeout));
  }

  /** The same store with its own key namespace. */
  prefixed(prefix: string): Store {
    return new Store(native.prefixedStore(prefix, this.handle));
  }

  /** The server's port; 0 for a file. */
  get port(): number {
    return native.storePort(this.handle);
  }

  set(key: string, value: string): void {
    native.storeSet(this.handle, key, value);
  }

  /** Waits until the key is set. Throws TorchError on a timeout. */
  get(key: string): string {
    return native.storeGet(this.handle, key);
  }

  /** Adds to a number, initially 0, and returns the sum. */
  add(key: string, amount: number): number {
    return native.storeAdd(this.handle, key, amount);
  }

  has(key: string): boolean {
    return native.storeHas(this.handle, key);
  }

  /** Waits until all keys are set; `timeout` in milliseconds. Throws TorchError if one is not. */
  wait(keys: readonly string[], timeout: number): void {
    native.storeWait(this.handle, keys, timeout);
  }
}

/** How the ranks' values are combined. */
export type Reduction = "sum" | "min" | "max";

/** One process's membership of a group. */
export interface Membership {
  readonly store: Store;
  readonly rank: number;
  readonly size: number;
  /** Milliseconds until a collective gives up waiting for another rank. */
  readonly timeout: number;
}

/** The network address of a Gloo group's member. */
export interface GlooPlace {
  /** An address of this machine that the other ranks can reach. */
  readonly address: string;
  /** The name of a network interface, which takes precedence over the address. */
  readonly networkInterface?: string | undefined;
}

/** Whether the addon has groups on CUDA devices. */
export const hasNccl = (): boolean => native.hasNccl();

const COLLECTIVE = scopeName("collective");

/** Collectives change tensors in place, including weights, and none of that belongs in a graph. */
function collective<T extends Tensor | undefined>(body: () => T): T {
  const wasEnabled = native.setGradEnabled(false);
  try {
    return runInScope(COLLECTIVE, body);
  } finally {
    native.setGradEnabled(wasEnabled);
  }
}

/**
 * Processes that compute together, over c10d (torch/csrc/distributed/c10d/ProcessGroup.hpp). Every rank makes the same calls in
 * the same order, with tensors of one shape and dtype; each call returns when its result is ready.
 */
export class ProcessGroup {
  readonly rank: number;
  readonly size: number;
  /** For {@link GradientReducer}. */
  readonly handle: GroupHandle;

  private constructor({ rank, size }: Membership, handle: GroupHandle) {
    this.rank = rank;
    this.size = size;
    this.handle = handle;
  }

  /** A group on CPUs. Returns when all ranks have joined; throws TorchError if one does not in time. */
  static gloo(membership: Membership, { address, networkInterface }: GlooPlace): ProcessGroup {
    const { store, rank, size, timeout } = membership;
    const via = networkInterface ?? null;
    return new ProcessGroup(
      membership,
      native.glooGroup(store.handle, rank, size, address, via, timeout),
    );
  }

  /** A group on CUDA devices. Throws TorchError if the addon was built without NCCL. */
  static nccl(membership: Membership): ProcessGroup {
    const { store, rank, size, timeout } = membership;
    return new ProcessGroup(membership, native.ncclGroup(store.handle, rank, size, timeout));
  }

  /** Puts the ranks' sum, minimum or maximum into `tensor`. */
  allReduce(tensor: Tensor, reduction: Reduction = "sum"): void {
    collective(() => void native.allReduce(this.handle, tensor.handle, reduction));
  }

  /** Copies rank `root`'s values into `tensor` on every rank. */
  broadcast(tensor: Tensor, root = 0): void {
    collective(() => void native.broadcast(this.handle, tensor.handle, root));
  }

  /** (n, ...) of every rank → (size n, ...), in the order of the ranks. */
  allGather(tensor: Tensor): Tensor {
    const [rows = 1, ...rest] = tensor.shape;
    return collective(() => {
      const all = empty([this.size * rows, ...rest], {
        dtype: tensor.dtype,
        device: tensor.device,
      });
      native.allGather(this.handle, all.handle, tensor.contiguous().handle);
      return all;
    });
  }

  /** (size n, ...) of every rank → this rank's share of the reduced rows, (n, ...). */
  reduceScatter(tensor: Tensor, reduction: Reduction = "sum"): Tensor {
    const [rows = 0, ...rest] = tensor.shape;
    if (rows % this.size !== 0) {
      throw new InvalidValueError(
        `Expected a number of rows divisible by ${this.size} ranks but received a tensor of ${rows}`,
      );
    }
    return collective(() => {
      const shape = [rows / this.size, ...rest];
      const own = empty(shape, { dtype: tensor.dtype, device: tensor.device });
      native.reduceScatter(this.handle, own.handle, tensor.contiguous().handle, reduction);
      return own;
    });
  }
}

/** Bytes of gradients per bucket, as in PyTorch's DDP. */
const BUCKET_BYTES = 25 * 2 ** 20;

/**
 * Averages gradients over a group in buckets, each as soon as a backward pass has filled it, while the pass continues: c10d's
 * Reducer, on which PyTorch's DistributedDataParallel is built (Li et al., 2020, arXiv 2006.15704). Gradients then are views of
 * the buckets.
 */
export class GradientReducer {
  readonly #handle: ReducerHandle;

  /** Throws TorchError if the ranks' parameters differ in number or shape. */
  constructor(
    group: ProcessGroup,
    parameters: ReadonlyMap<string, Tensor>,
    { bucketBytes = BUCKET_BYTES }: { readonly bucketBytes?: number } = {},
  ) {
    const tensors = handlesOf([...parameters.values()]);
    this.#handle = native.reducerNew(group.handle, tensors, [...parameters.keys()], bucketBytes);
  }

  /**
   * Call before a forward pass: its backward() then adds to the existing gradients and averages. Without this call, they stay the
   * rank's own.
   */
  announce(): void {
    native.reducerPrepare(this.#handle);
  }

  /** Call after that backward(). Throws TorchError if a parameter had no gradient, so that not all are averaged. */
  check(): void {
    native.reducerCheck(this.#handle);
  }

  /** Does not change the parameters. */
  dispose(): void {
    native.reducerFree(this.#handle);
  }
}

/** Options of {@link Heartbeat}. */
export interface HeartbeatOptions {
  /** Host of a TCP store's server. */
  readonly host: string;
  readonly port: number;
  /** Prefix of its keys. */
  readonly prefix: string;
  readonly rank: number;
  readonly size: number;
  /** Milliseconds between two heartbeats. */
  readonly interval: number;
  /** Milliseconds of silence after which a rank is considered lost. */
  readonly limit: number;
  /** The process's exit code in that case. */
  readonly exitCode: number;
  /** A process that must stay alive too: this one's parent. 0 for none. */
  readonly parent: number;
}

/**
 * A thread that signals to the other ranks that this process is alive. If another rank falls silent, it prints a line that names
 * the rank and ends the process: a stopped process keeps its connections, and a collective would wait for it forever.
 */
export class Heartbeat {
  readonly #handle: HeartbeatHandle;

  constructor(options: HeartbeatOptions) {
    const { host, port, prefix, rank, size, interval, limit, exitCode, parent } = options;
    this.#handle = native.heartbeatNew(
      host,
      port,
      prefix,
      rank,
      size,
      interval,
      limit,
      exitCode,
      parent,
    );
  }

  /**
   * Counts that this process has reached another point where all meet. The next heartbeat reports it to the others, under the key
   * `arrivals/<rank>`.
   */
  arrive(): void {
    native.heartbeatArrive(this.#handle);
  }

  /** Call before the process exits normally: rank 0 exits last, because it holds the store. */
  stop(): void {
    native.heartbeatStop(this.#handle);
  }
}
