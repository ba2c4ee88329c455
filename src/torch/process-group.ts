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

/** Where a store's server listens, and for how long its clients wait. */
export interface TcpStoreOptions {
  /** The server listens at this address alone. */
  readonly host: string;
  /** 0 lets the server's system choose one: see {@link Store.port}. */
  readonly port: number;
  readonly isServer: boolean;
  /** Milliseconds until a call that waits gives up. */
  readonly timeout: number;
}

/** Notes that processes leave for each other: c10d's key-value stores (torch/csrc/distributed/c10d/TCPStore.hpp, FileStore.hpp). */
export class Store {
  /** For groups. */
  readonly handle: StoreHandle;

  private constructor(handle: StoreHandle) {
    this.handle = handle;
  }

  /** Serves a store, or connects to one. Throws TorchError where that is not possible in time. */
  static tcp({ host, port, isServer, timeout }: TcpStoreOptions): Store {
    return new Store(native.tcpStore(host, port, isServer, timeout));
  }

  /** A store in a file that all processes can reach; no socket is opened. */
  static file(path: string, timeout: number): Store {
    return new Store(native.fileStore(path, timeout));
  }

  /** The same store, its keys apart from all others. */
  prefixed(prefix: string): Store {
    return new Store(native.prefixedStore(prefix, this.handle));
  }

  /** Where its server listens; 0 for a file. */
  get port(): number {
    return native.storePort(this.handle);
  }

  set(key: string, value: string): void {
    native.storeSet(this.handle, key, value);
  }

  /** Waits until somebody sets the key. Throws TorchError where nobody does in time. */
  get(key: string): string {
    return native.storeGet(this.handle, key);
  }

  /** Adds to a number, which begins as 0, and returns the sum. */
  add(key: string, amount: number): number {
    return native.storeAdd(this.handle, key, amount);
  }

  has(key: string): boolean {
    return native.storeHas(this.handle, key);
  }

  /** Waits until all keys are set; `timeout` in milliseconds. Throws TorchError where one is not. */
  wait(keys: readonly string[], timeout: number): void {
    native.storeWait(this.handle, keys, timeout);
  }
}

/** How the ranks' numbers become one. */
export type Reduction = "sum" | "min" | "max";

/** One process's membership of a group. */
export interface Membership {
  readonly store: Store;
  readonly rank: number;
  readonly size: number;
  /** Milliseconds until a collective gives up waiting for another rank. */
  readonly timeout: number;
}

/** Where a Gloo group's member talks from. */
export interface GlooPlace {
  /** An address of this machine that the other ranks can reach. */
  readonly address: string;
  /** The name of a network interface, which goes before the address. */
  readonly networkInterface?: string | undefined;
}

/** Whether the addon has groups on CUDA devices. */
export const hasNccl = (): boolean => native.hasNccl();

const COLLECTIVE = scopeName("collective");

/** Collectives change tensors in place, weights too: nothing of them belongs into a graph. */
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
 * the same order, with tensors of one shape and dtype; each call returns when its result is there.
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

  /** A group on CPUs. Returns when all ranks have joined; throws TorchError where one has not in time. */
  static gloo(membership: Membership, { address, networkInterface }: GlooPlace): ProcessGroup {
    const { store, rank, size, timeout } = membership;
    const via = networkInterface ?? null;
    return new ProcessGroup(
      membership,
      native.glooGroup(store.handle, rank, size, address, via, timeout),
    );
  }

  /** A group on CUDA devices. Throws TorchError where the addon was built without NCCL. */
  static nccl(membership: Membership): ProcessGroup {
    const { store, rank, size, timeout } = membership;
    return new ProcessGroup(membership, native.ncclGroup(store.handle, rank, size, timeout));
  }

  /** Puts the ranks' sum, minimum or maximum into `tensor`. */
  allReduce(tensor: Tensor, reduction: Reduction = "sum"): void {
    collective(() => void native.allReduce(this.handle, tensor.handle, reduction));
  }

  /** Puts rank `root`'s values into everybody's `tensor`. */
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

  /** (size n, ...) of every rank → the reduced rows that are this rank's, (n, ...). */
  reduceScatter(tensor: Tensor, reduction: Reduction = "sum"): Tensor {
    const [rows = 0, ...rest] = tensor.shape;
    if (rows % this.size !== 0) {
      throw new InvalidValueError(
        `Expected rows that ${this.size} ranks can share but received a tensor of ${rows}`,
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

/** Bytes of gradients that travel together, as in PyTorch's DDP. */
const BUCKET_BYTES = 25 * 2 ** 20;

/**
 * Averages gradients over a group in buckets, each as soon as a backward pass has filled it, while the pass goes on:
 * c10d's Reducer, which is what PyTorch's DistributedDataParallel is made of (Li et al., 2020, arXiv 2006.15704). Gradients are
 * views of the buckets then.
 */
export class GradientReducer {
  readonly #handle: ReducerHandle;

  /** Throws TorchError where the ranks' parameters differ in number or shape. */
  constructor(
    group: ProcessGroup,
    parameters: ReadonlyMap<string, Tensor>,
    { bucketBytes = BUCKET_BYTES }: { readonly bucketBytes?: number } = {},
  ) {
    const tensors = handlesOf([...parameters.values()]);
    this.#handle = native.reducerNew(group.handle, tensors, [...parameters.keys()], bucketBytes);
  }

  /** Before a forward pass: its backward() adds up with the gradients that are there, and averages. Without, they stay the rank's own. */
  announce(): void {
    native.reducerPrepare(this.#handle);
  }

  /** After that backward(). Throws TorchError where a parameter had no gradient, so that not all are averaged. */
  check(): void {
    native.reducerCheck(this.#handle);
  }

  /** Leaves the parameters as they are. */
  dispose(): void {
    native.reducerFree(this.#handle);
  }
}

/** What a {@link Heartbeat} watches. */
export interface HeartbeatOptions {
  /** Of a TCP store's server. */
  readonly host: string;
  readonly port: number;
  /** Its keys begin with this. */
  readonly prefix: string;
  readonly rank: number;
  readonly size: number;
  /** Milliseconds between two signs of life. */
  readonly interval: number;
  /** Milliseconds of silence after which a rank is given up. */
  readonly limit: number;
  /** What the process then exits with. */
  readonly exitCode: number;
  /** A process that must live too: this one's parent. 0 for none. */
  readonly parent: number;
}

/**
 * A thread that tells the other ranks that this process lives, and ends the process, with a line that names the rank, where
 * another one has fallen silent: a stopped process keeps its connections, and a collective would wait for it without end.
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
   * Counts that this process has come to another point where all meet; told to the others with the next sign of life, under the
   * key `arrivals/<rank>`.
   */
  arrive(): void {
    native.heartbeatArrive(this.#handle);
  }

  /** The process ends of its own accord from here on: rank 0 last, because it keeps the store. */
  stop(): void {
    native.heartbeatStop(this.#handle);
  }
}
