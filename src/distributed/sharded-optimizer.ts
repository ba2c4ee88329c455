import type { Optimizer, ParameterGroup } from "../optim/index.ts";
import type { DType, Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { World } from "./world.ts";

/** A tensor of another rank's state, before it has arrived. */
interface Announced {
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** "cpu", or the kind of device that all ranks compute on, each on a different one. */
  readonly kind: string;
}

/**
 * An optimizer with its state distributed over the ranks: each keeps the state of its share of the parameters, updates those, and
 * sends them to the others (ZeRO stage 1, Rajbhandari et al., 2020, arXiv 1910.02054). Tensors are not split, so that an
 * optimizer works as usual within each. Not for optimizers that look at all gradients at once.
 */
export class ShardedOptimizer implements Optimizer {
  readonly #world: World;
  readonly #own: Optimizer;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #owners: ReadonlyMap<string, number>;
  /** What other ranks sent for a checkpoint. */
  #received: Tensor[] = [];

  /** @param create creates the optimizer of this rank's share */
  constructor(
    world: World,
    groups: readonly ParameterGroup[],
    create: (groups: readonly ParameterGroup[]) => Optimizer,
  ) {
    this.#world = world;
    this.#parameters = new Map(groups.flatMap(({ parameters }) => [...parameters]));
    this.#owners = shareOut(this.#parameters, world.size);
    const isOwn = ([name]: readonly [string, Tensor]): boolean =>
      this.#owners.get(name) === world.rank;
    this.#own = create(
      groups.map((group) => ({
        ...group,
        parameters: new Map([...group.parameters].filter(isOwn)),
      })),
    );
  }

  step(lr: number, gradientScale = 1): void {
    this.#forget();
    this.#own.step(lr, gradientScale);
    for (const [name, owner] of this.#owners) {
      const parameter = this.#parameters.get(name);
      if (parameter !== undefined) this.#world.broadcast(parameter, owner);
    }
  }

  zeroGrad(): void {
    for (const parameter of this.#parameters.values()) parameter.grad = undefined;
  }

  /** The whole state on the first rank, other ranks' on the CPU; each rank's own on the others. All ranks must call it together. */
  stateDict(): Map<string, Tensor> {
    this.#forget();
    const own = this.#own.stateDict();
    const all = new Map(own);
    const [first] = this.#parameters.values();
    for (let rank = 1; rank < this.#world.size; rank++) {
      const isMine = rank === this.#world.rank;
      const list = [...own].map(([key, { shape, dtype, device }]): Announced => {
        return { key, shape, dtype, kind: torch.deviceKind(device) };
      });
      const announced = JSON.parse(
        this.#world.broadcastText(isMine ? JSON.stringify(list) : "", rank),
      ) as Announced[];
      for (const { key, shape, dtype, kind } of announced) {
        const device = kind === "cpu" ? kind : first?.device;
        const tensor = (isMine && own.get(key)) || torch.empty(shape, { dtype, device });
        this.#world.broadcast(tensor, rank);
        if (isMine) continue;
        // One tensor at a time on the device, which has no room for all ranks' state.
        const kept = this.#world.isFirst ? tensor.to({ device: "cpu" }) : undefined;
        if (kept !== undefined) all.set(key, this.#keep(kept));
        if (kept !== tensor) tensor.dispose();
      }
    }
    return all;
  }

  /** Loads this rank's share of the whole state. */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const own = [...this.#owners].filter(([, owner]) => owner === this.#world.rank);
    const names = new Set(own.map(([name]) => name));
    const nameOf = (key: string): string => key.slice(key.indexOf(".") + 1);
    this.#own.loadStateDict(new Map([...state].filter(([key]) => names.has(nameOf(key)))));
  }

  dispose(): void {
    this.#forget();
    this.#own.dispose();
  }

  #keep(tensor: Tensor): Tensor {
    this.#received.push(tensor);
    return tensor;
  }

  #forget(): void {
    for (const tensor of this.#received.splice(0)) tensor.dispose();
  }
}

/** Assigns an owner to each parameter: the largest first, to the rank with the least. The same in every process. */
function shareOut(parameters: ReadonlyMap<string, Tensor>, ranks: number): Map<string, number> {
  const held = new Array<number>(ranks).fill(0);
  const largestFirst = [...parameters].sort(([, a], [, b]) => b.numel - a.numel);
  const owners = new Map<string, number>();
  for (const [name, { numel }] of largestFirst) {
    const least = held.indexOf(Math.min(...held));
    owners.set(name, least);
    held[least] = (held[least] ?? 0) + numel;
  }
  return owners;
}
