import { expected } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** What {@link World} is made of where it has several processes. */
export interface WorldParts {
  /** For tensors on the CPU. */
  readonly group: torch.ProcessGroup;
  /** Another group of the same processes, for tensors on a device. */
  readonly groupOn: (device: torch.Device) => torch.ProcessGroup;
  /** Number of this process among those on its machine. */
  readonly localRank: number;
  /** Processes on this machine. */
  readonly localSize: number;
  /** Counts that this process has come to a place where all meet. */
  readonly arrive: () => void;
  /** Ranks that have come to fewer such places than this one, which waits for them. */
  readonly behind: () => number[];
  /** Ends what joining began; all are here. */
  readonly leave: () => void;
}

/**
 * The processes of one run, seen from one of them. All make the same calls in the same order. Alone, each call gives back what
 * it was given, and costs nothing.
 */
export class World {
  /** One process, which waits for nobody. */
  static readonly solo: World = new World(undefined);
  readonly #parts: WorldParts | undefined;
  /** For tensors on the device that the processes compute on, from the first one on. */
  #onDevice: torch.ProcessGroup | undefined;

  /** See join.ts for one of several processes. */
  constructor(parts: WorldParts | undefined) {
    this.#parts = parts;
  }

  /** From 0. */
  get rank(): number {
    return this.#parts?.group.rank ?? 0;
  }

  /** How many processes there are. */
  get size(): number {
    return this.#parts?.group.size ?? 1;
  }

  /** From 0, among those that share this machine. */
  get localRank(): number {
    return this.#parts?.localRank ?? 0;
  }

  /** How many of them share this machine. */
  get localSize(): number {
    return this.#parts?.localSize ?? 1;
  }

  /** Whether this one does what is done once: files, samples, words. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /**
   * Chooses what this process computes on, and makes it so. Throws where that is not here, and where several processes of a
   * machine are told one device of several. See `chooseDevice` for what may be wanted.
   */
  useDevice(wanted: string): torch.Device {
    const kind = torch.deviceKind(wanted);
    const { devices } = torch.engineInfo();
    const several = devices.filter((device) => torch.deviceKind(device) === kind).length > 1;
    if (several && this.localSize > 1 && wanted !== kind) {
      throw expected(
        `${kind}, of which each of ${this.localSize} processes takes its own,`,
        "the device",
        wanted,
      );
    }
    const device = torch.chooseDevice(wanted, this.localRank);
    torch.setDevice(device);
    return device;
  }

  /** Says that this process is about to wait for the others: who is then missing is known by it. */
  arrive(): void {
    this.#parts?.arrive();
  }

  /** After a collective that waited in vain: the ranks that did not come to it. */
  behind(): number[] {
    return this.#parts?.behind() ?? [];
  }

  /** Returns when all are here. */
  barrier(): void {
    this.any(false);
  }

  /** Whether a thing holds for any of them. */
  any(mine: boolean): boolean {
    const group = this.#meet();
    if (group === undefined) return mine;
    return torch.tidy(() => {
      const flag = torch.fromTypedArray(Float32Array.of(mine ? 1 : 0), [1]);
      group.allReduce(flag, "max");
      return flag.item() > 0;
    });
  }

  /** Everybody's numbers, by rank. `most` is at least as many as any of them has. */
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

  /** Puts a rank's values into everybody's tensor. */
  broadcast(tensor: Tensor, root: number): void {
    this.#meet(tensor)?.broadcast(tensor, root);
  }

  /** (n, …) of every rank → (size n, …), in the order of the ranks. */
  gatherRows(tensor: Tensor): Tensor {
    return this.#meet(tensor)?.allGather(tensor) ?? tensor;
  }

  /** A rank's text, in every rank; the others' is not looked at. */
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

  /** Averages the gradients of these parameters; undefined where there is nobody to average with. */
  reducer(parameters: ReadonlyMap<string, Tensor>): torch.GradientReducer | undefined {
    const [first] = parameters.values();
    const group = this.#groupOf(first);
    return group && new torch.GradientReducer(group, parameters);
  }

  /** Those of a list that are this process's to do. */
  share<T>(list: readonly T[]): T[] {
    return list.filter((_, i) => i % this.size === this.rank);
  }

  /** Does a thing in the first process while the others wait; where it fails there, they learn of it by the process's end. */
  async first(body: () => Promise<void>): Promise<void> {
    if (this.isFirst) await body();
    this.barrier();
  }

  /** The group for a collective of `tensor`, or of small things, that begins now. */
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

  /** When all is done: the processes part. One that failed does not come here, it ends. */
  leave(): void {
    if (this.#parts === undefined) return;
    this.barrier();
    this.#parts.leave();
  }
}
