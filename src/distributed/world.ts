import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { expected } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** The parts of a {@link World} of several processes. */
export interface WorldParts {
  /** For tensors on the CPU. */
  readonly group: torch.ProcessGroup;
  /** Another group of the same processes, for tensors on a device. */
  readonly groupOn: (device: torch.Device) => torch.ProcessGroup;
  /** Index of this process among those on its machine. */
  readonly localRank: number;
  /** Number of processes on this machine. */
  readonly localSize: number;
  /** Timeout of a collective, in milliseconds. */
  readonly collective: number;
  /** Counts that this process has reached a point where all meet. */
  readonly arrive: () => void;
  /** Ranks that have reached fewer such points than this one, which waits for them. */
  readonly behind: () => number[];
  /** Undoes joining, once all are here. */
  readonly leave: () => void;
}

/** Interval in milliseconds at which processes meet while some of them work. */
const MEET_MS = 5000;

/** How processes wait for work: see {@link World.together}. */
export interface Meetings {
  /** Interval in milliseconds; at most a quarter of a collective's timeout is used. */
  readonly every?: number;
  /** Called in all processes at every meeting. */
  readonly atEach?: () => void;
}

/**
 * The processes of one run, seen from one of them. All make the same calls in the same order. With a single process, each call
 * returns its input and costs nothing.
 */
export class World {
  /** A single process, which waits for nobody. */
  static readonly solo: World = new World(undefined);
  readonly #parts: WorldParts | undefined;
  /** For tensors on the device that the processes compute on; created on first use. */
  #onDevice: torch.ProcessGroup | undefined;

  /** See join.ts for a world of several processes. */
  constructor(parts: WorldParts | undefined) {
    this.#parts = parts;
  }

  /** From 0. */
  get rank(): number {
    return this.#parts?.group.rank ?? 0;
  }

  /** Number of processes. */
  get size(): number {
    return this.#parts?.group.size ?? 1;
  }

  /** From 0, among the processes on this machine. */
  get localRank(): number {
    return this.#parts?.localRank ?? 0;
  }

  /** Number of processes on this machine. */
  get localSize(): number {
    return this.#parts?.localSize ?? 1;
  }

  /** Whether this process does what is done once: files, samples, output. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /**
   * Chooses the device that this process computes on, and activates it. Throws if it does not exist, or if several processes of a
   * machine are given the same of several devices. See `chooseDevice` for the possible values.
   */
  useDevice(wanted: string): torch.Device {
    const kind = torch.deviceKind(wanted);
    const { devices } = torch.engineInfo();
    const several = devices.filter((device) => torch.deviceKind(device) === kind).length > 1;
    if (several && this.localSize > 1 && wanted !== kind) {
      throw expected(
        `${kind}, so that each of ${this.localSize} processes gets its own,`,
        "the device",
        wanted,
      );
    }
    const device = torch.chooseDevice(wanted, this.localRank);
    torch.setDevice(device);
    return device;
  }

  /** Records that this process is about to wait for the others, which later shows who is missing. */
  arrive(): void {
    this.#parts?.arrive();
  }

  /** After a collective that timed out: the ranks that did not reach it. */
  behind(): number[] {
    return this.#parts?.behind() ?? [];
  }

  /** Returns when all are here. */
  barrier(): void {
    this.any(false);
  }

  /** Whether something is true on any rank. */
  any(mine: boolean): boolean {
    const group = this.#meet();
    if (group === undefined) return mine;
    return torch.tidy(() => {
      const flag = torch.fromTypedArray(Float32Array.of(mine ? 1 : 0), [1]);
      group.allReduce(flag, "max");
      return flag.item() > 0;
    });
  }

  /** All ranks' numbers, by rank. `most` is at least the largest count. */
  gather(mine: readonly number[], most: number): number[][] {
    const group = this.#meet();
    if (group === undefined) return [[...mine]];
    return torch.tidy(() => {
      const row = new Float64Array(1 + most);
      row.set([mine.length, ...mine]);
      const all = group.allGather(torch.fromTypedArray(row, [1, row.length])).toTypedArray();
      return Array.from({ length: group.size }, (_, rank) => {
        const first = rank * row.length;
        return Array.from(all.slice(first + 1, first + 1 + Number(all[first])), Number);
      });
    });
  }

  /** Copies a rank's values into every rank's tensor. */
  broadcast(tensor: Tensor, root: number): void {
    this.#meet(tensor)?.broadcast(tensor, root);
  }

  /** (n, …) of every rank → (size n, …), in the order of the ranks. */
  gatherRows(tensor: Tensor): Tensor {
    return this.#meet(tensor)?.allGather(tensor) ?? tensor;
  }

  /** One rank's text, on every rank; the others' are ignored. */
  broadcastText(text: string, root: number): string {
    const group = this.#meet();
    if (group === undefined) return text;
    return torch.tidy(() => {
      const bytes = new TextEncoder().encode(text);
      const length = torch.fromTypedArray(Float64Array.of(bytes.length), [1]);
      group.broadcast(length, root);
      const content =
        this.rank === root
          ? torch.fromTypedArray(bytes, [bytes.length])
          : torch.empty([length.item()], { dtype: "uint8" });
      group.broadcast(content, root);
      return new TextDecoder().decode(content.toBytes());
    });
  }

  /** Averages the gradients of these parameters; undefined for a single process. */
  reducer(parameters: ReadonlyMap<string, Tensor>): torch.GradientReducer | undefined {
    const [first] = parameters.values();
    const group = this.#groupOf(first);
    return group && new torch.GradientReducer(group, parameters);
  }

  /** The entries of a list that this process handles. */
  share<T>(list: readonly T[]): T[] {
    return list.filter((_, i) => i % this.size === this.rank);
  }

  /**
   * Runs `body` in the first process while the others wait, for as long as it takes. If it fails there, they notice by the
   * process's end.
   */
  first(body: () => Promise<void>): Promise<void> {
    return this.together(this.isFirst ? body() : Promise.resolve());
  }

  /**
   * Returns when the work of all processes is done, of which each has its own. They meet every few seconds, so that none waits in
   * a collective for as long as the work may take. If it fails in one, that one throws, and the others notice by its end.
   */
  async together(work: Promise<void>, { every = MEET_MS, atEach }: Meetings = {}): Promise<void> {
    if (this.#parts === undefined) return work;
    const interval = Math.min(every, this.#parts.collective / 4);
    let isOpen = true;
    const ended = work
      .catch(() => {}) // thrown below
      .finally(() => {
        isOpen = false;
      });
    do {
      // Those that are done wait in the collective, and handle signals between two of them.
      await (isOpen
        ? Promise.race([ended, sleep(interval, undefined, { ref: false })])
        : nextTurn());
      if (!isOpen) await work;
      atEach?.();
    } while (this.any(isOpen));
  }

  /** The group for a collective of `tensor`, or of small values, that starts now. */
  #meet(tensor?: Tensor): torch.ProcessGroup | undefined {
    this.arrive();
    return this.#groupOf(tensor);
  }

  #groupOf(tensor: Tensor | undefined): torch.ProcessGroup | undefined {
    if (this.#parts === undefined) return undefined;
    if (tensor === undefined || tensor.device === "cpu") return this.#parts.group;
    this.#onDevice ??= this.#parts.groupOn(tensor.device);
    return this.#onDevice;
  }

  /** Leaves the group after all work is done. A process that failed does not call this, it exits. */
  leave(): void {
    if (this.#parts === undefined) return;
    this.barrier();
    this.#parts.leave();
  }
}
